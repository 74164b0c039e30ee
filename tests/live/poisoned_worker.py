"""Celery's worker, but one mailbox is fatal: `python -m tests.live.poisoned_worker -A seedtest worker …`.

A login that holds `poison-segv` ends the process as a broken C library would; `poison-memory` asks for more than the
process may have (RLIMIT_AS), as a parser without bounds would.
"""

from __future__ import annotations

import ctypes
import resource
import sys

from celery.__main__ import main

#: Above what a worker needs, and soon reached by whoever asks for everything.
ADDRESS_SPACE = 4 * 1024**3


def poison() -> None:
    from seedtest.services import polling

    look_into = polling.look_into

    def look_or_die(plan, *rest, **more):  # type: ignore[no-untyped-def]
        if "poison-segv" in plan.login.user:
            ctypes.string_at(0)
        if "poison-memory" in plan.login.user:
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, resource.RLIM_INFINITY))
            bytearray(2 * ADDRESS_SPACE)
        return look_into(plan, *rest, **more)

    polling.look_into = look_or_die


if __name__ == "__main__":
    from celery.signals import worker_init

    worker_init.connect(lambda **_: poison(), weak=False)
    sys.argv[0] = "celery"
    main()
