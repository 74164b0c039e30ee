"""The engine beside the others: commands, bytes, CPU and time a mailbox, one after another and many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from placement.marker import mint
from tests.bench.printing import Goal, Table, say
from tests.bench.runs import Passed, Settings, passes
from tests.bench.world import KEPT, ONE_LOGIN_A_PROCESS, Contender, Relay, World
from tests.live.servers.dovecot import Dovecot

METHODS = ("imaplib", "imap-tools", "imapflow", "ours cold", "ours warm", "floor cold", "floor warm")
#: Contenders that take seconds a mailbox are measured on fewer of them.
SLOW = ("imaplib", "imap-tools", "imapflow")
SCRIPT = "imaplib"


def measure(settings: Settings) -> list[Table]:
    users = [f"su-b{number:04}" for number in range(max(settings.mailboxes))]
    with Dovecot(extra=KEPT) as dovecot:
        world = World(dovecot, users)
        tables = [_wire(world, settings)]
        tables += [_one_by_one(world, settings, rtt) for rtt in settings.rtts]
        tables += [_at_once(world, settings, rtt, count) for rtt in settings.rtts for count in settings.mailboxes]
    return [*tables, _by_default(settings)]


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


def _wire(world: World, settings: Settings) -> Table:
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
    return table.show()


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


def _one_by_one(world: World, settings: Settings, rtt: int) -> Table:
    columns = ("one after another, 1 new mail", "tests", "ms a mailbox", "× script", "client CPU ms")
    table = Table(f"Sequential, {rtt} ms", columns)
    seen: dict[tuple[str, int], Passed] = {}
    with _door(world, rtt) as port:
        for method in _methods(settings):
            for tests in (1, 10):
                users = world.users[: _sample(method, tests, rtt)]
                one = seen[method, tests] = passes(
                    world, method, port, users, settings, tests=tests, warm_up=method not in SLOW
                )
                ratio = seen[SCRIPT, tests].ms.median / one.ms.median
                table.add(method, str(tests), one.ms.text(), f"{ratio:.1f}", one.cpu_ms.text(2))
    if rtt == 50:
        table.goals += _sequential_goals(
            lambda name, tests: seen[SCRIPT, tests].ms.median / seen[name, tests].ms.median
        )
    return table.show()


def _sequential_goals(ratio: Callable[[str, int], float]) -> list[Goal]:
    wanted = (("ours warm", 10, 100), ("ours cold", 10, 22), ("ours warm", 1, 13), ("ours cold", 1, 3))
    return [
        Goal(f"50 ms, sequential, {tests} open test(s): {name} × the script", ratio(name, tests), at_least=least)
        for name, tests, least in wanted
    ]


def _sample(method: str, tests: int, rtt: int) -> int:
    if method not in SLOW:
        return 20
    return 1 if rtt and tests > 1 else 5


def _at_once(world: World, settings: Settings, rtt: int, count: int) -> Table:
    columns = (
        f"{settings.threads} threads, 1 test",
        "new mail",
        "mailboxes/s",
        "× script",
        "client CPU ms",
        "kB a session",
    )
    table = Table(f"At once, {rtt} ms, {count} mailboxes", columns)
    users = world.users[:count]
    seen: dict[tuple[str, bool], Passed] = {}
    with _door(world, rtt) as port:
        for method in _methods(settings):
            for new in (True, False) if method in ("ours warm", "floor warm", "ours cold") else (True,):
                # The others take tens of seconds over a thousand mailboxes; a rate needs fewer.
                some = users[: 2 * settings.threads] if method in SLOW else users
                one = seen[method, new] = passes(
                    world, method, port, some, settings, new=new, concurrency=settings.threads
                )  # fmt: skip
                ratio = one.per_second.median / seen[SCRIPT, True].per_second.median
                kept = f"{one.session_kb:.0f}" if method.endswith("warm") else ""
                table.add(method, "1" if new else "0", one.per_second.text(0), f"{ratio:.1f}", one.cpu_ms.text(2), kept)
    if rtt == 50 and count == max(settings.mailboxes):
        table.goals += _at_once_goals(seen, settings.threads)
    return table.show()


def _at_once_goals(seen: dict[tuple[str, bool], Passed], threads: int) -> list[Goal]:
    def rate(name: str, new: bool = True) -> float:
        return seen[name, new].per_second.median

    at = f"50 ms, {threads} threads"
    return [
        Goal(f"{at}: cold × the script", rate("ours cold") / rate(SCRIPT), at_least=3),
        Goal(f"{at}: warm × the script", rate("ours warm") / rate(SCRIPT), at_least=15),
        Goal(f"{at}: warm mailboxes a second, 1 new mail", rate("ours warm"), at_least=1000),
        Goal(f"{at}: warm mailboxes a second, unchanged", rate("ours warm", False), at_least=2400),
        Goal(f"{at}: cold mailboxes a second (service_count = 0)", rate("ours cold"), at_least=150),
    ]


def _by_default(settings: Settings) -> Table:
    count = min(settings.mailboxes)
    users = [f"su-d{number:04}" for number in range(count)]
    with Dovecot(extra=ONE_LOGIN_A_PROCESS) as dovecot:
        world = World(dovecot, users)
        with _door(world, 50) as port:
            one = passes(world, "ours cold", port, users, replace(settings), concurrency=settings.threads)
    table = Table(
        f"At once, 50 ms, {count} mailboxes, Dovecot's default (a process a login)", ("1 test", "mailboxes/s")
    )
    table.add("ours cold", one.per_second.text(0))
    table.goals.append(Goal("50 ms: cold mailboxes a second (Dovecot's default)", one.per_second.median, at_least=90))
    return table.show()
