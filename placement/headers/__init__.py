"""From raw header bytes to what they say: fields in order, authentication, route and identity."""

from placement.headers.block import Headers

__all__ = ["Headers"]
