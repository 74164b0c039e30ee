"""DNS gives an answer, nothing, or no answer for now; and no message may ask without end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dnslib import MX, PTR, QTYPE, RCODE, RR, TXT, A, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

from placement.errors import LookupFailed
from placement.verify import DnsResolver
from placement.verify.dns import Lookups
from tests.fakes import FakeDns

ZONE = {
    ("sender.example.", "TXT"): [TXT([b"v=spf1 ", b"-all"]), TXT(b"\xe9\x00")],
    ("sender.example.", "A"): [A("192.0.2.1")],
    ("sender.example.", "MX"): [MX("mx.sender.example", 10)],
    ("nomail.example.", "MX"): [MX(".", 0)],
    ("1.2.0.192.in-addr.arpa.", "PTR"): [PTR("mail.sender.example")],
}


class Zone(BaseResolver):
    """`broken.*` gives SERVFAIL; what is not in ZONE does not exist."""

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        reply = request.reply()
        name, kind = str(request.q.qname).lower(), QTYPE[request.q.qtype]
        if name.startswith("broken."):
            reply.header.rcode = RCODE.SERVFAIL
        elif not any(known == name for known, _ in ZONE):
            reply.header.rcode = RCODE.NXDOMAIN
        for data in ZONE.get((name, kind), []):
            reply.add_answer(RR(name, request.q.qtype, ttl=1, rdata=data))
        return reply


@pytest.fixture(scope="module")
def resolver() -> Iterator[DnsResolver]:
    server = DNSServer(Zone(), address="127.0.0.1", port=0, logger=DNSLogger("pass"))
    server.start_thread()
    yield DnsResolver(["127.0.0.1"], port=server.server.server_address[1], lifetime=5)
    server.stop()
    server.server.server_close()


def test_answers_come_as_plain_values(resolver: DnsResolver):
    assert resolver.txt("sender.example") == (b"v=spf1 -all", b"\xe9\x00")
    assert resolver.a("sender.example.") == ("192.0.2.1",)
    assert resolver.mx("sender.example") == ((10, "mx.sender.example"),)
    assert resolver.mx("nomail.example") == ((0, ""),)
    assert resolver.ptr("1.2.0.192.in-addr.arpa") == ("mail.sender.example",)


@pytest.mark.parametrize("name", ["nowhere.example", "sender.example", "a" * 64 + ".example", "a..example", "é" * 200])
def test_a_name_that_is_not_there_and_a_type_it_has_not_are_nothing(resolver: DnsResolver, name: str):
    assert resolver.aaaa(name) == ()


def test_a_server_failure_is_no_answer_for_now(resolver: DnsResolver):
    with pytest.raises(LookupFailed, match=r"TXT of 'broken\.example'"):
        resolver.txt("broken.example")


def test_a_silent_name_server_is_no_answer_for_now():
    with pytest.raises(LookupFailed, match="in time"):
        DnsResolver(["127.0.0.1"], port=9, lifetime=0.2).txt("sender.example")


def test_a_name_is_asked_for_once_a_message():
    dns = FakeDns({"sender.example": {"TXT": ["one"]}}, down=["down.example"])
    lookups = Lookups(dns)
    for _ in range(3):
        assert lookups.txt("Sender.example.") == (b"one",)
        with pytest.raises(LookupFailed):
            lookups.a("down.example")
    assert dns.asked == [("TXT", "sender.example"), ("A", "down.example")]


def test_the_budget_of_lookups_ends():
    dns = FakeDns()
    lookups = Lookups(dns, budget=3)
    assert [lookups.a(f"{number}.example") for number in range(3)] == [()] * 3
    with pytest.raises(LookupFailed, match="used up"):
        lookups.mx("4.example")
    assert lookups.a("1.example") == ()  # what is known stays known
    assert len(dns.asked) == 3


def test_a_dead_name_server_is_given_up_after_some_failures():
    dns = FakeDns(down="*")
    lookups = Lookups(dns, failures=2)
    for number in range(10):
        with pytest.raises(LookupFailed):
            lookups.txt(f"{number}.example")
    assert len(dns.asked) == 2


def test_a_slow_name_server_is_given_up_after_some_time():
    moments = iter([0.0, 0.0, 31.0, 62.0])
    lookups = Lookups(FakeDns(), seconds=60, clock=lambda: next(moments))
    assert lookups.a("1.example") == lookups.a("2.example") == ()
    with pytest.raises(LookupFailed, match="used up"):
        lookups.a("3.example")
