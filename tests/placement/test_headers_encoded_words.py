"""RFC 2047 words decode as people expect, and what cannot be decoded stays readable."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.headers import Headers
from placement.headers.encoded_words import decode_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe_an_alle?=", "Grüße an alle"),
        ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?iso-8859-1*de?q?Gr=FC=DFe?=", "Grüße"),
        ("=?utf-8?q?one?= =?utf-8?q?two?=", "onetwo"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
        ("=?utf-8?q?a?= and =?utf-8?q?b?=", "a and b"),
        ("=?utf-8?q?a?= =?iso-8859-1?q?b?=", "ab"),
        ("before =?utf-8?q?in?= after", "before in after"),
        ("=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
        ("=?utf-8?b?*not base64*?=", "*not base64*"),
        ("=?no-such-charset?q?caf=E9?=", "café"),
        ("=?utf-8?q?cut off", "=?utf-8?q?cut off"),
        ("=?unicode_escape?q?=5Cx41?=", "\\x41"),
        ("=?punycode?q?abc?=", "abc"),
        ("=?punycode-?q?abc?=", "abc"),
        ("=?utf-8?q?a=00b?=", "a\ufffdb"),
        ("=?WINDOWS-1251?q?=DF?=", "Я"),
        ("=?ANSI_X3.4-1986?q?a?=", "a"),
        ("=?koi8-u?q?=A4?=", "є"),
        ("=?zlib?q?caf=E9?=", "café"),
    ],
)
def test_encoded_words_in_the_wild(text: str, expected: str):
    assert decode_words(text) == expected


def test_no_strangers_charset_is_looked_for_and_remembered():
    asked: list[str] = []
    note = asked.append
    codecs.register(note)
    try:
        decode_words("=?1xz?q?a?= =?utf-9?q?b?=")
    finally:
        codecs.unregister(note)
    assert asked == []


def test_headers_decode_for_display():
    assert Headers.parse(b"Subject: =?utf-8?q?Hall=C3=B6chen?=\r\n").decoded("subject") == "Hallöchen"


@given(st.text(st.sampled_from("=?qQbB*utf-8ÄAZ09_ \t\0"), max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_text_raises(text: str):
    assert "\0" not in decode_words(text)
