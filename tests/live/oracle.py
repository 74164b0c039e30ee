"""The oracle: reads the tables themselves and says what was lost, doubled or judged wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.live.service import Service


class Tables(Protocol):
    """Whatever answers SQL: a running service, or the database of a test."""

    def sql(self, query: str) -> list[tuple[Any, ...]]: ...


#: Test id → address of the seed → where its message was put, or "missing" where none was sent.
Wanted = Mapping[str, Mapping[str, str]]

RESULTS = """
    SELECT test.public_id, mailbox.address, result.placement, result.reason, test.status
    FROM seedtest_seedresult result
    JOIN seedtest_seedtest test ON test.id = result.test_id
    JOIN seedtest_mailbox mailbox ON mailbox.id = result.mailbox_id
    """
ENDED = "('complete', 'inconclusive', 'cancelled')"
#: What no run may leave behind, whatever happened in it: what it is called → rows that show it.
DOUBLED = {
    "a message counted twice": """
        SELECT result_id, message_key FROM seedtest_receivedmessage GROUP BY 1, 2 HAVING count(*) > 1""",
    "two messages where one was sent": """
        SELECT result_id, count(*) FROM seedtest_receivedmessage GROUP BY 1 HAVING count(*) > 1""",
    "a place written twice": """
        SELECT mailbox_id, folder_id, uidvalidity, uid FROM seedtest_arrival
        GROUP BY 1, 2, 3, 4 HAVING count(*) > 1""",
    "an event told twice": """
        SELECT workspace_id, dedupe_key FROM seedtest_event GROUP BY 1, 2 HAVING count(*) > 1""",
    "a number given to two events": "SELECT seq FROM seedtest_event WHERE seq > 0 GROUP BY 1 HAVING count(*) > 1",
    "two results for one seed": """
        SELECT test_id, mailbox_id FROM seedtest_seedresult GROUP BY 1, 2 HAVING count(*) > 1""",
}
LOST = {
    "an ended test without its one completion event": f"""
        SELECT test.public_id FROM seedtest_seedtest test WHERE test.status IN {ENDED} AND 1 <> (
            SELECT count(*) FROM seedtest_event event
            WHERE event.type = 'test.completed' AND event.dedupe_key = 'test.completed:' || test.public_id)""",
    "an ended test with results that wait": f"""
        SELECT result.id FROM seedtest_seedresult result JOIN seedtest_seedtest test ON test.id = result.test_id
        WHERE test.status IN {ENDED} AND result.placement = 'waiting'""",
    "a cursor beyond mail that was never read": """
        SELECT result.id FROM seedtest_seedresult result
        WHERE result.placement IN ('inbox', 'spam', 'other')
        AND NOT EXISTS (SELECT 1 FROM seedtest_arrival arrival WHERE arrival.result_id = result.id)""",
    "an arrival without its evidence": """
        SELECT arrival.id FROM seedtest_arrival arrival WHERE arrival.result_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM seedtest_evidence evidence WHERE evidence.arrival_id = arrival.id)""",
    "a mailbox quarantined though its server is innocent": """
        SELECT id FROM seedtest_mailbox WHERE state = 'quarantined' AND address NOT LIKE '%poison%'""",
}
WRONG = {
    "missing without a full check that began after the deadline": """
        SELECT id FROM seedtest_seedresult WHERE placement = 'missing'
        AND (full_check_started_at IS NULL OR deadline_at IS NULL OR full_check_started_at < deadline_at)""",
}
#: Where a message was put → what the service must say of it.
MEANS = {"inbox": "inbox", "junk": "spam", "other": "other", "trash": "other", "missing": "missing"}
#: What a result may say when the service did not get to see a message that was there.
UNSEEN = frozenset({"waiting", "unknown", "missing", "not_sent"})


@dataclass(frozen=True)
class Judgement:
    results: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        counts = f"{self.results} results: lost {len(self.lost)}, doubled {len(self.doubled)}, wrong {len(self.wrong)}"
        return "\n  ".join([counts, *self.lost, *self.doubled, *self.wrong])


def judge(tables: Tables, wanted: Wanted) -> Judgement:
    found = {(test, address): row for test, address, *row in tables.sql(RESULTS)}
    lost, wrong = list(_said(tables, LOST)), list(_said(tables, WRONG))
    for test, seeds in wanted.items():
        for address, place in seeds.items():
            placement, reason, status = found.get((test, address), ("no result", "", "no test"))
            if placement == MEANS[place]:
                continue
            where = lost if placement in UNSEEN | {"no result"} and place != "missing" else wrong
            where.append(f"{test} ({status}) {address}: put into {place}, read as {placement} {reason}")
    asked = sum(len(seeds) for seeds in wanted.values())
    return Judgement(asked, tuple(lost), tuple(_said(tables, DOUBLED)), tuple(wrong))


def _said(tables: Tables, questions: Mapping[str, str]) -> Iterator[str]:
    for name, query in questions.items():
        yield from (f"{name}: {row}" for row in tables.sql(query)[:5])


def assert_clean(service: Service, wanted: Wanted) -> None:
    judgement = judge(service, wanted)
    assert judgement.clean, f"{judgement}\n{mailboxes(service)}\n{service.logs()}"


def mailboxes(service: Service) -> str:
    """What the scheduler sees: for reading after a failure."""
    columns = "address, state, attempts, fail_count, next_poll_at, dispatched_until, lease_until, backoff_until"
    rows = service.sql(f"SELECT {columns} FROM seedtest_mailbox WHERE attempts > 0 OR state <> 'healthy' LIMIT 30")
    return "\n".join(" ".join(map(str, row)) for row in rows)
