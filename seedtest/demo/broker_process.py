"""The broker as a child of its own, so that it ends with the demo whatever ends the demo.

python -m seedtest.demo.broker_process FOLDER URL_FILE [--folders]
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

from seedtest.demo.broker import Broker, FolderBroker, start_broker


def _start(folder: Path, *, folders: bool) -> Broker:
    if not folders:
        return start_broker(folder)
    broker = FolderBroker(folder / "messages")
    broker.start()
    return broker


def _leave(_number: int, _frame: object) -> NoReturn:
    # Not the default action: the server is our child, and only an orderly end (or atexit) takes it along.
    sys.exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="seedtest.demo.broker_process", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("url_file", type=Path, help="receives the broker's URL when it listens")
    parser.add_argument("--folders", action="store_true", help="use folders on disk also where Valkey works")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    broker = _start(options.folder, folders=options.folders)
    try:
        aside = options.url_file.with_suffix(".tmp")
        aside.write_text(broker.url)
        aside.replace(options.url_file)
        while True:
            signal.pause()
    finally:
        broker.stop()


if __name__ == "__main__":
    main()
