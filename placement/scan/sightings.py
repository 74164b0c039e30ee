"""From recognised messages to sightings: where each stands, what its receiver said, what it can be matched by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from placement.classify import classify
from placement.marker import keys, message_key
from placement.providers import Provider
from placement.reading import read_authentication
from placement.scan.matching import Recognised
from placement.scan.tabs import TabAnswers, place_of
from placement.vocabulary import KeptBody, Place, Sighting


def sightings_of(
    recognised: Sequence[Recognised],
    provider: Provider,
    tabs: TabAnswers,
    bodies: Mapping[Place, KeptBody],
    authserv_ids: Sequence[str] = (),
) -> tuple[Sighting, ...]:
    return tuple(_sighting(one, provider, tabs, bodies, authserv_ids) for one in recognised)


def _sighting(
    one: Recognised,
    provider: Provider,
    tabs: TabAnswers,
    bodies: Mapping[Place, KeptBody],
    authserv_ids: Sequence[str],
) -> Sighting:
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
        authentication=read_authentication(one.headers, provider, extra_authserv_ids=authserv_ids),
        match=one.recognition.match,
        rivals=one.recognition.rivals,
        body=bodies.get(place),
    )
