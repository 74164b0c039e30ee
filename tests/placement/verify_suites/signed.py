"""Messages signed for tests: by dkimpy as a second opinion, or by hand where dkimpy has no such tag."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.fakes import FakeDns

DOMAIN = "sender.example"
SELECTOR = "s1"
KEY_NAME = f"{SELECTOR}._domainkey.{DOMAIN}"

MESSAGE = (
    b"From: News <news@sender.example>\r\n"
    b"To: seed@mailbox.example\r\n"
    b"Subject: Spring   is\r\n here\r\n"
    b"Date: Wed, 4 Mar 2026 10:20:00 +0000\r\n"
    b"Message-ID: <1@sender.example>\r\n"
    b"List-Unsubscribe: <mailto:u@sender.example>, <https://sender.example/u/1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"\r\n"
    b"Hello  there \r\n\r\n.. dots\r\n\r\n\r\n"
)
ALL_FIELDS = ("from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post")

WEAK_P = int(
    "37892205109943412246820035010218521759668015459042797770003342084869888680987270634562876155830203866496097089125157"
)
WEAK_Q = int(
    "31144474662757957085477572551116220847395910727398335369905945362105524775530388676269193911861686326680698865130369"
)


@cache
def key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def weak_key() -> rsa.RSAPrivateKey:
    """768 bits: no library makes such a key any more, so it is put together from two primes."""
    p, q, e = WEAK_P, WEAK_Q, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p,
        q,
        d,
        rsa.rsa_crt_dmp1(d, p),
        rsa.rsa_crt_dmq1(d, q),
        rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(e, p * q),
    )
    return numbers.private_key()


def record(public: rsa.RSAPublicKey | None = None, tags: str = "") -> str:
    """The key record; `tags` come before p=."""
    published = (public or key().public_key()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; {tags}p={base64.b64encode(published).decode()}"


def dns(text: str | None = None, **more: list[str]) -> FakeDns:
    """The key of the usual signer, and TXT records of other names."""
    names = {KEY_NAME: [record() if text is None else text], **more}
    return FakeDns({name: {"TXT": texts} for name, texts in names.items()})


def by_dkimpy(message: bytes = MESSAGE, *, form: str = "relaxed/relaxed", domain: str = DOMAIN) -> bytes:
    pem = key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    head, body = (part.encode() for part in form.split("/"))
    include = [name.encode() for name in ALL_FIELDS]
    field = dkim.sign(
        message, SELECTOR.encode(), domain.encode(), pem, canonicalize=(head, body), include_headers=include
    )
    return bytes(field) + message


def by_hand(
    message: bytes = MESSAGE,
    *,
    extra: str = "",
    domain: str = DOMAIN,
    private: rsa.RSAPrivateKey | None = None,
    fields: tuple[str, ...] = ALL_FIELDS,
    limit: int | None = None,
    template: str = "v=1; a=rsa-sha256; c=simple/simple; d={domain}; s=s1; h={h}; {extra}bh={bh}; b=",
) -> bytes:
    """simple/simple, written apart from the code under test: fields as they stand, the body to its last line."""
    head, _, body = message.partition(b"\r\n\r\n")
    digest = hashlib.sha256((body.rstrip(b"\r\n") + b"\r\n")[:limit]).digest()
    values = template.format(domain=domain, h=":".join(fields), extra=extra, bh=base64.b64encode(digest).decode())
    unsigned = f"DKIM-Signature: {values}".encode()
    data = b"".join(_field(head, name) for name in fields) + unsigned
    value = (private or key()).sign(data, PKCS1v15(), SHA256())
    return unsigned + base64.b64encode(value) + b"\r\n" + message


def _field(head: bytes, name: str) -> bytes:
    """The lowest field of a name, with its continuation lines."""
    found = b""
    inside = False
    for line in head.split(b"\r\n"):
        if not line.startswith(b" "):
            inside = line.lower().startswith(name.encode() + b":")
            found = b"" if inside else found
        found += line + b"\r\n" if inside else b""
    return found
