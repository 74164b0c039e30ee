"""The engine beside the others: commands, bytes, CPU and time a mailbox, one after another and many at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from placement.marker import mint
from tests.bench.printing import Goal, Table, part, say
from tests.bench.runs import Passed, Settings, passes
from tests.bench.world import KEPT, ONE_LOGIN_A_PROCESS, Contender, Relay, World
from tests.live.servers.dovecot import Dovecot

METHODS = ("imaplib", "imap-tools", "imapflow", "ours cold", "ours warm", "floor cold", "floor warm")
#: Contenders that take seconds a mailbox are measured on fewer of them.
SLOW = ("imaplib", "imap-tools", "imapflow")
SCRIPT = "imaplib"
DEFAULT_COLUMNS = ("1 test", "at once", "new mail", "mailboxes/s", "client CPU ms")
#: By contender, how many at once, and whether there was new mail.
Rates = dict[tuple[str, int, bool], Passed]


def measure(settings: Settings) -> None:
    if {"wire", "sequential", "at_once"} & set(settings.parts):
        _with_kept_processes(settings)
    if "default" in settings.parts:
        with part("at once, Dovecot's default"):
            _by_default(settings)


def _with_kept_processes(settings: Settings) -> None:
    users = [f"su-b{number:04}" for number in range(max(settings.mailboxes))]
    with part("a server with mailboxes"), Dovecot(extra=KEPT) as dovecot:
        world = World(dovecot, users)
        if "wire" in settings.parts:
            with part("on the wire"):
                _wire(world, settings)
        for rtt in settings.rtts if "sequential" in settings.parts else ():
            with part(f"sequential, {rtt} ms"):
                _one_by_one(world, settings, rtt)
        for rtt, count in itertools.product(settings.rtts, settings.mailboxes) if "at_once" in settings.parts else ():
            with part(f"at once, {rtt} ms, {count} mailboxes"):
                _at_once(world, settings, rtt, count)


def _methods(settings: Settings) -> Iterator[str]:
    for method in METHODS:
        if method in settings.missing:
            say(f"({method} is left out: {settings.missing[method]})")
        else:
            yield method


@contextmanager
def _door(world: World, rtt: int) -> Iterator[int]:
    """The port behind which the server is `rtt` milliseconds away."""
    if not rtt:
        yield world.dovecot.imaps_port
        return
    with Relay(world.dovecot.imaps_port, rtt) as relay:
        yield relay.port


def _wire(world: World, settings: Settings) -> None:
    """Counted in plain text on one mailbox: exact, so once."""
    columns = ("in plain text, one mailbox", "tests", "new mail", "logins", "commands", "writes", "kB")
    table = Table("On the wire", columns)
    counts: dict[tuple[str, int, bool], dict[str, int]] = {}
    for method in _methods(settings):
        for tests, new in ((1, False), (1, True), (10, True)):
            seen = counts[method, tests, new] = _counted(world, method, tests, new)
            cells = (
                str(seen["connections"]),
                str(seen["commands"]),
                str(seen["writes"]),
                f"{seen['bytes'] / 1000:.1f}",
            )
            table.add(method, str(tests), "1" if new else "0", *cells)
    warm = counts["ours warm", 1, False]
    one, ten = counts["ours warm", 1, True], counts["ours warm", 10, True]
    table.goals += [
        Goal("warm, unchanged: commands", warm["commands"], at_most=1),
        Goal("warm, unchanged: bytes", warm["bytes"], at_most=1000),
        Goal("warm, new mail: write rounds", one["writes"], at_most=2),
        Goal("10 tests ÷ 1 test: commands", ten["commands"] / one["commands"], at_most=1.05),
        Goal("10 tests ÷ 1 test: bytes", ten["bytes"] / one["bytes"], at_most=1.05),
    ]
    table.show()


def _counted(world: World, method: str, tests: int, new: bool) -> dict[str, int]:
    users = world.users[:1]
    with (
        Relay(world.dovecot.imap_port, 0) as relay,
        Contender(method, relay.port, world, users, tls=False) as contender,
    ):
        contender.pass_over([mint()])
        tokens = [mint() for _ in range(tests)]
        if new:
            world.drop(users, tokens[0])
        relay.ask()
        contender.pass_over(tokens)
        counted: dict[str, int] = relay.ask()
        return counted


def _one_by_one(world: World, settings: Settings, rtt: int) -> None:
    columns = ("one after another, 1 new mail", "tests", "ms a mailbox", "× script", "client CPU ms")
    table = Table(f"Sequential, {rtt} ms", columns)
    seen: dict[tuple[str, int], Passed] = {}
    with _door(world, rtt) as port:
        for method in _methods(settings):
            for tests in (1, 10):
                users = world.users[: _sample(method, tests, rtt)]
                for one in _tried(world, method, port, users, settings, tests=tests).values():
                    seen[method, tests] = one
                    ratio = _times(one, seen.get((SCRIPT, tests)))
                    table.add(method, str(tests), one.ms.text(), ratio, one.cpu_ms.text(2))
    with part(f"goals of {table.title}"):
        if rtt == 50:
            table.goals += _sequential_goals(
                lambda name, tests: seen[SCRIPT, tests].ms.median / seen[name, tests].ms.median
            )
    table.show()


def _tried(
    world: World, method: str, port: int, users: Sequence[str], settings: Settings, **how: Any
) -> dict[bool, Passed]:
    """A contender that breaks loses its rows, not the table."""
    with part(f"{method}: {how}"):
        return passes(world, method, port, users, settings, warm_up=method not in SLOW, **how)
    return {}


def _times(one: Passed, script: Passed | None) -> str:
    return f"{one.per_second.median / script.per_second.median:.1f}" if script else "?"


def _sequential_goals(ratio: Callable[[str, int], float]) -> list[Goal]:
    wanted = (("ours warm", 10, 100), ("ours cold", 10, 22), ("ours warm", 1, 13), ("ours cold", 1, 3))
    return [
        Goal(f"50 ms, sequential, {tests} open test(s): {name} × the script", ratio(name, tests), at_least=least)
        for name, tests, least in wanted
    ]


def _sample(method: str, tests: int, rtt: int) -> int:
    if method in SLOW:
        return 1 if rtt and tests > 1 else 5
    return 10 if rtt and method.endswith("cold") else 20


def _at_once(world: World, settings: Settings, rtt: int, count: int) -> None:
    columns = ("1 test", "at once", "new mail", "mailboxes/s", "× script", "client CPU ms", "kB a session")
    table = Table(f"At once, {rtt} ms, {count} mailboxes", columns)
    users = world.users[:count]
    seen: Rates = {}
    with _door(world, rtt) as port:
        for method, threads, news in _crowds(settings, count):
            found = _tried(
                world, method, port, _enough(method, users, threads), settings, news=news, concurrency=threads
            )
            for new, one in found.items():
                seen[method, threads, new] = one
                ratio = _times(one, seen.get((SCRIPT, settings.threads, True)))
                kept = f"{one.session_kb:.0f}" if method.endswith("warm") else ""
                new_mail = "1" if new else "0"
                speed = (one.per_second.text(0), ratio, one.cpu_ms.text(2), kept)
                table.add(method, str(threads), new_mail, *speed)
    with part(f"goals of {table.title}"):
        if rtt == 50 and count == max(settings.mailboxes):
            table.goals += _at_once_goals(seen, settings.threads, settings.wide)
    table.show()


def _enough(method: str, users: Sequence[str], threads: int) -> Sequence[str]:
    """Whoever logs in takes tens of seconds over a thousand mailboxes; a rate needs fewer."""
    if method in SLOW:
        return users[: 2 * threads]
    return users[: 3 * threads] if method.endswith("cold") else users


def _crowds(settings: Settings, count: int) -> Iterator[tuple[str, int, tuple[bool, ...]]]:
    """(contender, how many mailboxes at once, with new mail and without)."""
    for method in _methods(settings):
        both = method.endswith("warm") or method == "ours cold"
        yield method, settings.threads, (True, False) if both else (True,)
    if settings.threads < settings.wide <= count:
        for method in ("ours warm", "floor warm"):
            yield method, settings.wide, (True, False)


def _at_once_goals(seen: Rates, threads: int, wide: int) -> list[Goal]:
    def rate(name: str, new: bool = True, at_once: int = threads) -> float:
        return seen[name, at_once, new].per_second.median

    at = f"50 ms, {threads} at once"
    goals = [
        Goal(f"{at}: cold × the script", rate("ours cold") / rate(SCRIPT), at_least=3),
        Goal(f"{at}: warm × the script", rate("ours warm") / rate(SCRIPT), at_least=15),
        Goal(f"{at}: cold mailboxes a second (service_count = 0)", rate("ours cold"), at_least=150),
    ]
    for at_once in (threads, wide):
        if ("ours warm", at_once, True) in seen:
            at = f"50 ms, {at_once} at once: warm mailboxes a second"
            goals.append(Goal(f"{at}, 1 new mail", rate("ours warm", True, at_once), at_least=1000))
            goals.append(Goal(f"{at}, unchanged", rate("ours warm", False, at_once), at_least=2400))
    return goals


def _by_default(settings: Settings) -> None:
    count = min(settings.mailboxes)
    users = [f"su-d{number:04}" for number in range(count)]
    table = Table(f"At once, 50 ms, {count} mailboxes, Dovecot's default (a process a login)", DEFAULT_COLUMNS)
    with Dovecot(extra=ONE_LOGIN_A_PROCESS) as dovecot:
        world = World(dovecot, users)
        with _door(world, 50) as port:
            found = passes(world, "ours cold", port, users, settings, news=(True, False), concurrency=settings.threads)
    for new, one in found.items():
        table.add("ours cold", str(settings.threads), "1" if new else "0", one.per_second.text(0), one.cpu_ms.text(2))
    table.goals.append(
        Goal("50 ms: cold mailboxes a second (Dovecot's default)", found[True].per_second.median, at_least=90)
    )
    table.show()
