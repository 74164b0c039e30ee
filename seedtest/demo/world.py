"""The mail world in one process: five providers over IMAP, one SMTP door, and a ports file that tells where.

python -m seedtest.demo.world --ports-file var/demo/world.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from seedtest.demo import certificates, smtp
from seedtest.demo.imap import ImapHouse
from seedtest.demo.providers import PROVIDERS, Provider, password

HOST = "127.0.0.1"
SLOW_SECONDS = 20.0


@dataclass(frozen=True)
class Login:
    """How to reach one mailbox of the world."""

    email: str
    password: str
    provider: str
    provider_id: str
    imap_host: str
    imap_port: int
    tls: str
    ca_file: str


@dataclass(frozen=True)
class World:
    """Where the running world listens."""

    smtp_host: str
    smtp_port: int
    ca_file: str
    mailboxes: tuple[Login, ...]


@asynccontextmanager
async def running(state: Path, slow_seconds: float = SLOW_SECONDS) -> AsyncIterator[World]:
    """The world, open for as long as the block runs. `state` receives the certificates."""
    state.mkdir(parents=True, exist_ok=True)
    ca_file, context = certificates.make(state)
    houses = {provider.domain: ImapHouse(provider, context) for provider in PROVIDERS}
    async with AsyncExitStack() as stack:
        for house in houses.values():
            stack.callback((await house.open()).close)
        door = await smtp.open_door(smtp.Door(houses, slow_seconds))
        stack.callback(door.close)
        logins = (login for house in houses.values() for login in _logins(house, ca_file))
        yield World(HOST, door.sockets[0].getsockname()[1], str(ca_file), tuple(logins))


def _logins(house: ImapHouse, ca_file: Path) -> Iterable[Login]:
    provider: Provider = house.provider
    for address in provider.addresses:
        yield Login(
            email=address,
            password=password(address),
            provider=provider.name,
            provider_id=provider.catalog_id,
            imap_host=HOST,
            imap_port=house.port,
            tls="ssl",
            ca_file=str(ca_file),
        )


def read(ports_file: Path) -> World:
    """The ports file as a World; FileNotFoundError while the world is not ready yet."""
    data = json.loads(ports_file.read_text())
    return World(**{**data, "mailboxes": tuple(Login(**login) for login in data["mailboxes"])})


def _write(ports_file: Path, world: World) -> None:
    # Written aside and renamed: whoever sees the file sees all of it.
    ports_file.parent.mkdir(parents=True, exist_ok=True)
    aside = ports_file.with_suffix(".tmp")
    aside.touch(mode=0o600)
    aside.write_text(json.dumps(asdict(world), indent=2))
    aside.replace(ports_file)


async def serve(ports_file: Path, state: Path, slow_seconds: float = SLOW_SECONDS) -> None:
    """Run until SIGTERM or SIGINT; the ports file appears when everything listens and goes when it ends."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(state.resolve(), slow_seconds) as world:
        _write(ports_file, world)
        try:
            await stop.wait()
        finally:
            ports_file.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="seedtest.demo.world", description=__doc__.splitlines()[0])
    parser.add_argument("--ports-file", type=Path, required=True, help="JSON written when the world is ready")
    parser.add_argument("--state", type=Path, help="folder for certificates (default: beside the ports file)")
    parser.add_argument("--slow-seconds", type=float, default=SLOW_SECONDS, help="delay of the slow mailbox")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells every line of every dialogue
    state = options.state or options.ports_file.parent
    asyncio.run(serve(options.ports_file, state, options.slow_seconds))


if __name__ == "__main__":
    main()
