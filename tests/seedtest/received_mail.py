"""A newsletter as Gmail keeps it, signed by an ESP, with somebody else's forged results below."""

from __future__ import annotations

from dataclasses import replace

from placement.providers import get
from placement.reading import read
from placement.vocabulary import Folder, KeptBody
from seedtest import models
from seedtest.services import recording
from tests.seedtest.scans import INBOX, look_at, scanned, seen

GMAIL = (
    "mx.google.com; dkim=pass header.i=@esp.example header.s=s1 header.b=AbCd; "
    "spf=pass (google.com: domain of bounce@mail.esp.example designates 192.0.2.7 as permitted sender) "
    "smtp.mailfrom=bounce@mail.esp.example; dmarc=fail (p=NONE sp=NONE dis=NONE) header.from=brand.example"
)
FORGED = "mx.google.com; dmarc=pass header.from=brand.example"
BLOCK = (
    "Delivered-To: seed@gmail.com\r\n"
    "Received: by 2002:a05:6638:101c:0:0:0:0 with SMTP id r28;\r\n        Sun, 22 Nov 2026 01:00:09 -0800 (PST)\r\n"
    "Return-Path: <bounce@mail.esp.example>\r\n"
    "Received: from mta.esp.example (mta.esp.example. [192.0.2.7])\r\n"
    "        by mx.google.com with ESMTPS id w14 for <seed@gmail.com>\r\n"
    "        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256);\r\n"
    "        Sun, 22 Nov 2026 01:00:07 -0800 (PST)\r\n"
    f"Authentication-Results: {GMAIL}\r\n"
    "Received: from app.esp.example ([198.51.100.9]) by mta.esp.example with ESMTP id 1;\r\n"
    "        Sun, 22 Nov 2026 09:00:02 +0000\r\n"
    f"Authentication-Results: {FORGED}\r\n"
    "List-Unsubscribe: <https://esp.example/u/1>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    "From: Brand <news@brand.example>\r\n"
    "To: seed@gmail.com\r\n"
    "Subject: <script>alert(1)</script> The spring sale\r\n"
    "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\n"
    "Message-ID: <1@esp.example>\r\n"
    "\r\n"
).encode()
BODY = b"Everything must go.\r\n"

#: Microsoft says in a header where it put a message on arrival.
TO_JUNK = (
    b"Received: from BN0.prod.outlook.com (2603:10b6::1) by SA1.prod.outlook.com\r\n"
    b" with HTTPS; Sun, 22 Nov 2026 09:00:09 +0000\r\n"
    b"Received: from mta.esp.example (192.0.2.7) by BN0.mail.protection.outlook.com (10.167.1.1)\r\n"
    b" with Microsoft SMTP Server; Sun, 22 Nov 2026 09:00:07 +0000\r\n"
    b"Authentication-Results: spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=mail.brand.example;"
    b" dkim=pass (signature was verified) header.d=brand.example;dmarc=pass action=none"
    b" header.from=brand.example;compauth=pass reason=100\r\n"
    b"From: Brand <news@brand.example>\r\n"
    b"Subject: Sale\r\n"
    b"Date: Sun, 22 Nov 2026 09:00:00 +0000\r\n"
    b"Message-ID: <2@brand.example>\r\n"
    b"X-MS-Exchange-Organization-Network-Message-Id: bb65f55d-9640-4adc-3de9-08d46e448a65\r\n"
    b"X-Microsoft-Antispam-Mailbox-Delivery: ucf:0;jmr:0;auth:1;dest:J;ENG:(5062000305);RF:JunkEmail;\r\n"
    b"\r\n"
)


def arrive(
    test: models.SeedTest, seed: models.SeedAccount, block: bytes = BLOCK, folder: Folder = INBOX, *, keep: bool = False
) -> models.SeedResult:
    """The message as a scan would have read it, recorded. `keep`: with its body."""
    told = read(block, get(seed.mailbox.provider)).authentication
    body = KeptBody(BODY) if keep else None
    sighting = replace(seen(folder, test=test, headers=block), authentication=told, body=body)
    look = replace(look_at(seed), keep_raw_bytes=100_000 if keep else 0)
    assert recording.record(look, scanned(sighting))
    return test.results.get(seed_account=seed)
