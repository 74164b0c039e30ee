"""kombu's Redis transport, without two ways in which losing the connection ended the whole worker.

kombu takes a broken connection apart from the outside in. When a channel is closed last, with messages that were
received and not yet acknowledged, it wants to give them back through a connection that is no longer there, and raises
AttributeError (celery/kombu issue 582), which Celery takes for unrecoverable: the worker ends instead of connecting
again. The same happens later to a message that waited for a free thread all the while and is acknowledged then.
Nothing is lost by leaving them: messages are hints, and dispatch gives each again.
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport import redis, virtual

logger = logging.getLogger(__name__)


class QoS(redis.QoS):
    @property
    def _is_cut_off(self) -> bool:
        """The connection that these messages came by is taken apart: nothing can be said of them to the broker."""
        transport = self.channel.connection
        return transport is None or transport.client is None

    def ack(self, delivery_tag: str) -> None:
        if self._is_cut_off:
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if self._is_cut_off:
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().reject(delivery_tag, requeue)

    def restore_unacked(self, client: Any = None) -> Any:
        if self._is_cut_off:
            logger.info("%s messages are not given back: the connection is gone already", len(self._delivered))
            self._delivered.clear()
            return None
        return super().restore_unacked(client)


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
