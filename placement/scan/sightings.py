"""From recognised messages to sightings: where each stands, what its receiver said, what it can be matched by."""

from __future__ import annotations

from collections.abc import Sequence

from placement.classify import classify
from placement.headers.authentication_results import read
from placement.marker import keys, message_key
from placement.providers import Position, Provider
from placement.scan.matching import Recognised
from placement.scan.tabs import TabAnswers, place_of
from placement.vocabulary import Authentication, Sighting


def sightings_of(
    recognised: Sequence[Recognised], provider: Provider, tabs: TabAnswers
) -> tuple[Sighting, ...]:
    return tuple(_sighting(one, provider, tabs) for one in recognised)


def _sighting(one: Recognised, provider: Provider, tabs: TabAnswers) -> Sighting:
    message, place = one.found.message, place_of(one)
    return Sighting(
        place=place,
        internaldate=message.internaldate,
        size=message.size,
        header_block=message.header_block,
        truncated=message.truncated,
        message_key=message_key(
            one.headers, message.header_block, gm_msgid=message.gm_msgid, email_id=message.email_id
        ),
        keys=keys(one.headers),
        verdict=classify(one.found.folder, tab=tabs.of(place), tabs=provider.tabs),
        authentication=_authentication(one, provider),
        match=one.recognition.match,
        rivals=one.recognition.rivals,
    )


def _authentication(one: Recognised, provider: Provider) -> Authentication:
    style = provider.ar_style
    return read(
        one.headers,
        wrote=provider.wrote,
        missing_authserv_id=style.missing_authserv_id,
        position=style.position or Position.ABOVE,
        at_most=style.headers_per_message[1] if style.headers_per_message else None,
    )
