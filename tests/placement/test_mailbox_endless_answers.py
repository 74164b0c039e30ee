"""A server that never stops answering is left before it has filled the memory, however little each answer says."""

from __future__ import annotations

import pytest

from placement.errors import ProtocolError
from placement.mailbox.wire import RESPONSE_COST, Wire
from tests.fakes import CannedStream

BUDGET = 1_000_000


def run(answer: bytes) -> int:
    """How many responses stood before the answer."""
    (reply,) = Wire(CannedStream(answer)).run([b"NOOP"], budget=BUDGET)
    return len(reply.untagged)


def test_an_answer_within_its_budget_is_read():
    assert run(b"* 1 EXISTS\r\n" * 5000 + b"S1 OK done\r\n") == 5000


@pytest.mark.parametrize("response", [b"* \n", b"+\n", b"* 1 EXISTS\r\n"])
def test_empty_responses_have_a_price_too(response: bytes):
    with pytest.raises(ProtocolError, match="keeps sending"):
        run(response * (BUDGET // RESPONSE_COST + 1) + b"S1 OK done\r\n")


def test_a_refusal_of_a_megabyte_is_cut():
    (reply,) = Wire(CannedStream(b"S1 NO " + b"too many " * 100_000 + b"\r\n")).run([b"NOOP"], budget=BUDGET)
    assert len(reply.text) == 2048
