"""The headers each provider of the world writes above and behind a message's own, in the shape its model uses.

The shapes are sightings in real mail: Gmail keeps domains in header.i=@, Microsoft writes no authserv-id and
no space before dmarc=, Yahoo ends with a semicolon, GMX reports DKIM alone, cPanel hosts report nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256

from seedtest.demo.authentication import Checks, Signature
from seedtest.demo.filing import INBOX, Rule, points
from seedtest.demo.letters import Letter


@dataclass(frozen=True)
class Arrival:
    """One message at one mailbox, decided: all a stamp needs to know."""

    letter: Letter
    checks: Checks
    rule: Rule
    recipient: str
    at: datetime

    @property
    def date(self) -> str:
        return format_datetime(self.at)

    @property
    def queue_id(self) -> str:
        seed = f"{self.recipient} {self.at.isoformat()}".encode() + self.letter.raw
        return sha256(seed).hexdigest()[:16]

    @property
    def is_junk(self) -> bool:
        return self.rule.folder != INBOX


@dataclass(frozen=True)
class Stamp:
    """Header lines above those of the message, and behind them."""

    above: list[str]
    behind: list[str] = field(default_factory=list)


def gmail(arrival: Arrival) -> Stamp:
    letter, checks = arrival.letter, arrival.checks
    results = [f"       dkim={_word(s)} header.i=@{s.domain} header.s={s.selector}" for s in checks.signatures]
    results.append(f"       spf={checks.spf} ({_google_spf(letter, checks)}) smtp.mailfrom={letter.mail_from}")
    if checks.dmarc != "none":
        results.append(f"       {_google_dmarc(checks, arrival.is_junk)}")
    above = [
        f"Delivered-To: {arrival.recipient}",
        f"Return-Path: <{letter.mail_from}>",
        f"Received: from {letter.helo} ({letter.helo}. [{letter.client_ip}])\r\n"
        f"        by mx.google.com with ESMTPS id {arrival.queue_id}\r\n"
        f"        for <{arrival.recipient}>;\r\n        {arrival.date}",
        f"Received-SPF: {checks.spf} ({_google_spf(letter, checks)}) client-ip={letter.client_ip};",
        "Authentication-Results: mx.google.com;\r\n" + ";\r\n".join(results),
    ]
    return Stamp(above)


def _google_spf(letter: Letter, checks: Checks) -> str:
    says = {"pass": "designates", "fail": "does not designate"}.get(checks.spf, "")
    if not says:
        return f"google.com: {letter.client_ip} is neither permitted nor denied by best guess record"
    return f"google.com: domain of {letter.mail_from} {says} {letter.client_ip} as permitted sender"


def _google_dmarc(checks: Checks, is_junk: bool) -> str:
    policy = checks.policy.upper()
    done = "QUARANTINE" if checks.dmarc == "fail" and is_junk else "NONE"
    return f"dmarc={checks.dmarc} (p={policy} sp={policy} dis={done}) header.from={checks.from_domain}"


def microsoft(arrival: Arrival) -> Stamp:
    letter, checks = arrival.letter, arrival.checks
    mark = dict(word.split(":") for word in arrival.rule.mark.split())
    mailbox = "J;OFR:SpamFilterAuthJ" if arrival.is_junk else "I"
    above = [
        f"Received: from DB3EUR04FT033.eop-eur04.prod.protection.outlook.com\r\n"
        f" (2603:10a6:10:31::18) by DB9P191MB1234.EURP191.PROD.OUTLOOK.COM with HTTPS;\r\n {arrival.date}",
        f"Authentication-Results: {_microsoft_results(letter, checks)}",
        f"Received-SPF: {checks.spf.capitalize()} (protection.outlook.com: domain of {checks.spf_domain})\r\n"
        f" receiver=protection.outlook.com; client-ip={letter.client_ip}; helo={letter.helo};",
        f"Received: from {letter.helo} ({letter.client_ip}) by\r\n"
        f" DB3EUR04FT033.mail.protection.outlook.com (10.152.24.122) with Microsoft SMTP\r\n"
        f" Server id {arrival.queue_id};\r\n {arrival.date}",
    ]
    behind = [
        f"Return-Path: {letter.mail_from}",
        f"X-MS-Exchange-Organization-Network-Message-Id: {arrival.queue_id}",
        f"X-Forefront-Antispam-Report:\r\n CIP:{letter.client_ip};CTRY:;LANG:en;SCL:{mark['SCL']};SRV:;IPV:NLI;"
        f"SFV:{mark['SFV']};H:{letter.helo};PTR:;CAT:{mark['CAT']};DIR:INB;",
        f"X-MS-Exchange-Organization-SCL: {mark['SCL']}",
        f"X-Microsoft-Antispam: BCL:{7 if mark['CAT'] == 'BULK' else 1};",
        f"X-Microsoft-Antispam-Mailbox-Delivery:\r\n ucf:0;jmr:0;auth:0;dest:{mailbox};",
    ]
    return Stamp(above, behind)


def _microsoft_results(letter: Letter, checks: Checks) -> str:
    reason = {"pass": "pass reason=100", "fail": "fail reason=000"}.get(checks.dmarc, "fail reason=001")
    action = {"reject": "oreject"}.get(checks.policy, checks.policy) if checks.dmarc == "fail" else "none"
    return (
        f"spf={checks.spf} (sender IP is {letter.client_ip})\r\n smtp.mailfrom={checks.spf_domain};"
        f" {_microsoft_dkim(checks)};dmarc={checks.dmarc} action={action}\r\n"
        f" header.from={checks.from_domain};compauth={reason}"
    )


def _microsoft_dkim(checks: Checks) -> str:
    words = {True: "pass (signature was verified)", False: "fail (no key for signature)"}
    results = [f"dkim={words[s.passes]}\r\n header.d={s.domain}" for s in checks.signatures]
    return ";".join(results) or "dkim=none (message not signed)\r\n header.d=none"


def yahoo(arrival: Arrival) -> Stamp:
    letter, checks = arrival.letter, arrival.checks
    host = "atlas219.free.mail.bf1.yahoo.com"
    dkim = [f" dkim={_word(s)} header.i=@{s.domain} header.s={s.selector};" for s in checks.signatures]
    policy = checks.policy.upper()
    dmarc = "unknown" if checks.dmarc == "none" else f"{checks.dmarc}(p={policy},sp={policy})"
    above = [
        f"X-Apparently-To: {arrival.recipient}; {arrival.date}",
        f"Return-Path: <{letter.mail_from}>",
        *([f"X-YahooFilteredBulk: {letter.client_ip}"] if arrival.is_junk else []),
        f"Authentication-Results: {host};\r\n" + "\r\n".join(dkim or [" dkim=unknown;"]) + "\r\n"
        f" spf={checks.spf} smtp.mailfrom={checks.spf_domain};\r\n"
        f" dmarc={dmarc} header.from={checks.from_domain};",
        f"Received: from {letter.client_ip} (EHLO {letter.helo})\r\n"
        f" by 10.197.37.5 with SMTPs id {arrival.queue_id};\r\n {arrival.date}",
    ]
    return Stamp(above)


def gmx(arrival: Arrival) -> Stamp:
    letter, checks = arrival.letter, arrival.checks
    dkim = "; ".join(f"dkim={_word(s)} header.i=@{s.domain}" for s in checks.signatures)
    above = [
        f"Return-Path: <{letter.mail_from}>",
        f"Authentication-Results:  gmx.net; {dkim or 'dkim=none'}",
        f"Received: from {letter.helo} ([{letter.client_ip}]) by mx-ha.gmx.net\r\n"
        f" (mxgmx016 [212.227.15.9]) with ESMTPS (Nemesis) id {arrival.queue_id}\r\n"
        f" for <{arrival.recipient}>; {arrival.date}",
    ]
    behind = [
        f"Envelope-To: <{arrival.recipient}>",
        f"X-Spam-Flag: {'YES' if arrival.is_junk else 'NO'}",
        f"X-UI-Filterresults: {arrival.rule.mark};V03:K0:{arrival.queue_id};",
    ]
    return Stamp(above, behind)


def cpanel(arrival: Arrival) -> Stamp:
    letter = arrival.letter
    hits = points(letter, arrival.checks)
    score = sum(hit.score for hit in hits)
    above = [
        f"Return-Path: <{letter.mail_from}>",
        f"Delivered-To: {arrival.recipient}",
        f"Received: from {letter.helo} ([{letter.client_ip}])\r\n"
        f"\tby server7.hostgarden.example with esmtps (Exim 4.96)\r\n"
        f"\t(envelope-from <{letter.mail_from}>)\r\n\tid {arrival.queue_id}\r\n"
        f"\tfor {arrival.recipient};\r\n\t{arrival.date}",
    ]
    behind = [
        f"X-Spam-Status: {arrival.rule.mark}, score={score:.1f} required=5.0\r\n"
        f"\ttests={','.join(hit.name for hit in hits) or 'none'} autolearn=no",
        f"X-Spam-Score: {score * 10:.0f}",
        f"X-Spam-Flag: {'YES' if arrival.is_junk else 'NO'}",
    ]
    return Stamp(above, behind)


def _word(signature: Signature) -> str:
    return "pass" if signature.passes else "fail"


def stamped(stamp: Stamp, raw: bytes) -> bytes:
    """The provider's headers around those of the untouched message."""
    header, empty, body = raw.partition(b"\r\n\r\n")
    if not empty:
        return _lines(stamp.above) + raw
    return _lines(stamp.above) + header + b"\r\n" + _lines(stamp.behind) + b"\r\n" + body


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")
