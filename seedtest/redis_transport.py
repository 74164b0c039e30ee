"""kombu's Redis transport, without a way in which losing the connection ended the whole worker.

kombu takes a broken connection apart from the outside in. When a channel is closed last, with messages that were
received and not yet acknowledged, it wants to give them back through a connection that is no longer there, and raises
AttributeError (celery/kombu issue 582), which Celery takes for unrecoverable: the worker ends instead of connecting
again. Nothing is lost by leaving them: messages are hints, and dispatch gives each again.
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport import redis

logger = logging.getLogger(__name__)


class QoS(redis.QoS):
    def restore_unacked(self, client: Any = None) -> Any:
        if self.channel.connection.client is None:
            logger.info("%s messages are not given back: the connection is gone already", len(self._delivered))
            self._delivered.clear()
            return None
        return super().restore_unacked(client)


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
