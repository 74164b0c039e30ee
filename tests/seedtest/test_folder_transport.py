"""Folders as a broker: what is written half is not there yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest

from seedtest import folder_transport
from seedtest.celery import transport_options

COUNT = 300


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[kombu.Connection]:
    options = transport_options("filesystem://", str(tmp_path)) | {"polling_interval": 0.001}
    with kombu.Connection("filesystem://", transport_options=options) as connection:
        yield connection


def test_the_service_uses_it_for_filesystem_urls(connection: kombu.Connection) -> None:
    assert type(connection.transport) is folder_transport.Transport


def test_a_reader_beside_a_writer_gets_every_message_whole(connection: kombu.Connection) -> None:
    def write() -> None:
        with connection.clone() as other, other.SimpleQueue("poll") as queue:
            for number in range(COUNT):
                queue.put([number] * 50)

    writer = threading.Thread(target=write)
    with connection.SimpleQueue("poll") as queue:
        writer.start()
        got = {tuple(_take(queue)) for _ in range(COUNT)}
    writer.join()
    assert got == {(number,) * 50 for number in range(COUNT)}


def _take(queue: kombu.simple.SimpleQueue) -> list[int]:
    message = queue.get(timeout=20)
    message.ack()
    return list(message.payload)


def test_a_message_that_is_being_written_is_not_there_yet(connection: kombu.Connection, tmp_path: Path) -> None:
    with connection.SimpleQueue("poll") as queue:
        (tmp_path / "messages" / ".1_half.poll.msg.part").write_bytes(b'{"body": ')
        with pytest.raises(queue.Empty):
            queue.get(block=False)


def test_the_table_of_an_exchange_is_waited_for_while_it_is_being_written(
    connection: kombu.Connection, tmp_path: Path
) -> None:
    table = tmp_path / "control" / "work.exchange"
    table.touch()

    def write() -> None:
        time.sleep(0.05)
        table.write_text('[["work", "", "work"]]')

    writer = threading.Thread(target=write)
    writer.start()
    assert [tuple(row) for row in connection.channel().get_table("work")] == [("work", "", "work")]
    writer.join()
