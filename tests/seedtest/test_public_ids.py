"""The ids that leave the service are found again in every address they stand in."""

from __future__ import annotations

from django.contrib.admin.utils import unquote

from seedtest.models.base import new_public_id


def test_no_id_holds_what_the_admin_would_decode():
    ids = [new_public_id("tst") for _ in range(20_000)]
    assert [one for one in ids if unquote(one) != one] == []
