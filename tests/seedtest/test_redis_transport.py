"""A worker that loses its broker connects again, whatever it had in hand."""

from __future__ import annotations

import pytest
from kombu import Connection
from kombu.transport import redis

from seedtest.celery import app  # noqa: F401 - says which transport redis:// means
from seedtest.redis_transport import Transport


class Hint:
    """A message that was received and not yet acknowledged."""

    def serializable(self) -> dict[str, str]:
        return {"body": "hint"}


@pytest.fixture(params=["its connection has no client", "it has no connection"])
def broken(request):
    """What a channel has in hand whose connection was taken apart, half or wholly; nothing is dialled."""
    connection = Connection("redis://127.0.0.1:1/0")
    transport = connection.transport
    channel = transport.Channel.__new__(transport.Channel)
    channel.connection, channel.closed = transport, False
    channel.qos_class = transport.Channel.QoS
    qos = transport.Channel.QoS.__new__(transport.Channel.QoS)
    qos.channel, qos._delivered, qos._dirty = channel, {"tag": Hint()}, set()
    qos._quick_ack = qos._dirty.add
    transport.client = None
    if request.param == "it has no connection":
        channel.connection = None
    return qos


@pytest.mark.parametrize("url", ["redis://127.0.0.1/0", "rediss://127.0.0.1/0"])
def test_redis_means_our_transport(url):
    assert isinstance(Connection(url).transport, Transport)


def test_what_cannot_be_given_back_is_left_and_ends_nothing(broken):
    assert broken.restore_unacked() is None
    assert not broken._delivered


END = {
    "ack": lambda channel: channel.basic_ack("tag"),
    "reject": lambda channel: channel.basic_reject("tag"),
    "requeue": lambda channel: channel.basic_reject("tag", requeue=True),
}


@pytest.mark.parametrize("how", END)
def test_what_waited_for_a_thread_meanwhile_is_done_with_and_ends_nothing(broken, how):
    broken.channel._qos = broken
    END[how](broken.channel)
    assert broken._dirty == {"tag"}, "kombu takes it off at the next message"


def test_the_library_still_stumbles_there(broken):
    """When this fails, kombu has mended it and `seedtest.redis_transport` can go."""
    for call in (redis.QoS.restore_unacked, lambda qos: redis.QoS.ack(qos, "tag")):
        with pytest.raises(AttributeError, match=r"hostname|client"):
            call(broken)
