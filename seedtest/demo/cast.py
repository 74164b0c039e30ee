"""What passes between the demo and the child that makes its rows: the order and the answer, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NEWSLETTER = Path(__file__).with_name("newsletter.eml")
#: Who sends the newsletter. The world takes SPF from the Return-Path's domain: the sender's own, and for everybody
#: else's messages the one of an ESP.
SENDER = "bluebird-coffee.example"
OWN_RETURN_PATH = f"bounce@news.{SENDER}"
ESP_RETURN_PATH = "bounce@out.postwing.example"


@dataclass(frozen=True, slots=True)
class Order:
    """What the rows are to point at."""

    ports_file: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cast:
    """What the story needs of the rows: a key to the API and public ids. `profiles` maps a Return-Path to its id."""

    api_key: str = field(repr=False)
    email: str
    seed_list: str
    stream: str
    profiles: Mapping[str, str]
