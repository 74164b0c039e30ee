"""What the fuzzer found: each input once broke a reader, and none does so again."""

from __future__ import annotations

import base64

import pytest

from tests.placement.fuzz_readers import run

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
]


@pytest.mark.parametrize(("reader", "data"), FINDINGS)
def test_an_input_that_broke_a_reader_is_read(reader, data):
    run(reader, base64.b64decode(data))
