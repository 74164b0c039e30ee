"""A message is kept byte for byte, or refused with words that help."""

from __future__ import annotations

import pytest
from django.urls import reverse

from seedtest.models.clock import db_now
from seedtest.services import outgoing

pytestmark = pytest.mark.django_db


def test_a_message_is_kept_as_it_was_given(cast):
    raw = b"From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <news@acme.example>\nSubject: =?utf-8?q?Fr=C3=BChling?=\n\n\xff\r\n"
    message = outgoing.store_message(cast.workspace, raw, now=db_now())
    message.refresh_from_db()
    assert message.raw == raw
    assert (message.subject, message.from_address, message.size) == ("Frühling", "news@acme.example", len(raw))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "does not begin with headers"),
        (b"Dear customers,\n\nbuy.", "does not begin with headers"),
        (b"<html><body>Buy</body></html>", "does not begin with headers"),
        (b"Subject: no sender\n\nx", "no From address"),
        (b"From: nobody at all\n\nx", "no From address"),
        (b"From: a@acme.example\n\n" + b"x" * outgoing.MAX_BYTES, "at most 10 MB"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_way_out(cast, raw, words):
    with pytest.raises(outgoing.MessageError, match=words):
        outgoing.store_message(cast.workspace, raw, now=db_now())
    assert not cast.workspace.outgoing_messages.exists()


def test_a_nul_byte_in_the_subject_does_not_break_the_database(cast):
    raw = b"From: a@acme.example\nSubject: one\x00two \xff\n\nx"
    assert "\x00" not in outgoing.store_message(cast.workspace, raw, now=db_now()).subject


def test_the_page_new_message_keeps_what_is_pasted(client, cast):
    client.force_login(cast.owner)
    pasted = "From: a@acme.example\r\nSubject: Pasted\r\n\r\nHi"
    answer = client.post(reverse("admin:seedtest_outgoingmessage_add"), {"source_0": pasted})
    assert answer.status_code == 302
    assert cast.workspace.outgoing_messages.get().subject == "Pasted"
