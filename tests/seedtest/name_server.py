"""A DNS server on loopback with a few TXT records, or one that can answer nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from dnslib import QTYPE, RCODE, RR, TXT, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer


class Zone(BaseResolver):
    def __init__(self, records: Mapping[str, Sequence[str]], *, broken: bool) -> None:
        self.records, self.broken = records, broken

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        reply = request.reply()
        name = str(request.q.qname).lower().rstrip(".")
        if self.broken:
            reply.header.rcode = RCODE.SERVFAIL
        elif name not in self.records:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.TXT:
            for text in self.records[name]:
                reply.add_answer(RR(name, QTYPE.TXT, ttl=1, rdata=TXT(text)))
        return reply


@contextmanager
def served(records: Mapping[str, Sequence[str]], *, broken: bool = False) -> Iterator[str]:
    """ip:port while it runs."""
    server = DNSServer(Zone(records, broken=broken), address="127.0.0.1", port=0, logger=DNSLogger("pass"))
    server.start_thread()
    try:
        yield f"127.0.0.1:{server.server.server_address[1]}"
    finally:
        server.stop()
        server.server.server_close()
