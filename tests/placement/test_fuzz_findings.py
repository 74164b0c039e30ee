"""What the fuzzer found: each input once broke a reader, and none does so again."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest

from tests.placement.fuzz import own_seeds
from tests.placement.fuzz_readers import run, split

#: (reader, input in base64), as `make fuzz` prints them.
FINDINGS = [
    # a half character out of UTF-7, which no database takes
    ("encoded_words", "PT91dGYtNz9xPysyQUEtPz0K"),
    # a NUL in a record of the sender's DNS, quoted in our check
    (
        "verify",
        "MTkyLjAuMi43IG0uZXhhbXBsZSBhQHMuZXhhbXBsZQpzLmV4YW1wbGUgVFhUIHY9c3BmMSAAIC1hbGwKLS0tCkZyb206IGFAcy5leGFtcGxlCg==",
    ),
    # a content type with a NUL, quoted as the place of a match
    ("body", "Q29udGVudC1UeXBlOiB0ZXh0LwAKClJlZjogYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoK"),
    # a NUL in a server's id of a message
    ("imap", "KiAxIEZFVENIIChVSUQgMSBFTUFJTElEICgAKSBCT0RZW0hFQURFUl0gImE6IGIiKQpTMSBPSyBkb25lClMyIE9LIGRvbmUK"),
    # a boundary in a charset with a NUL, which Python's parser raised on
    ("body", "Q29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ7IGJvdW5kYXJ5Kj1hAGInJ2MKCng="),
    # a boundary in a charset that decodes nothing leniently
    ("body", "Q29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ7IGJvdW5kYXJ5Kj1pZG5hJydiCgp4"),
]


@pytest.mark.parametrize(("reader", "data"), FINDINGS)
def test_an_input_that_broke_a_reader_is_read(reader, data):
    run(reader, base64.b64decode(data))


def test_a_number_too_long_for_python_breaks_no_reader():
    tried = 0
    for name, seed in map(split, own_seeds()):
        for endless in _with_an_endless_number(seed):
            run(name, endless)
            tried += 1
    assert tried > 1000


def _with_an_endless_number(seed: bytes) -> Iterator[bytes]:
    """The seed once for each of its numbers; Python reads at most 4,300 digits."""
    for number in re.finditer(rb"[0-9]+", seed):
        yield seed[: number.start()] + b"1" * 5000 + seed[number.end() :]
