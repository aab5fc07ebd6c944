"""The spool: where a run without Dagster leaves the events of its assets for the next process that has it open.

build/dagster/spool/<time>-<pid>.json    events of one run
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from orchestration.home import Home
from orchestration.outcome import Event

KEPT_FILES = 500
"""A home that never opens Dagster keeps the events of the newest runs only: ten days of half-hourly ones, 5 MB."""


def put(home: Home, events: Sequence[Event], at: datetime) -> None:
    """Leave events of a run in the home.

    Args:
        at: when the run ended, UTC without zone.
    """
    folder = _folder(home)
    stem = f"{at:%Y%m%dT%H%M%S}-{os.getpid()}-{len(events)}"
    content = {"at": at.isoformat(), "events": [asdict(event) for event in events]}
    home.write_state(f"dagster/spool/{stem}.json", content)
    for path in sorted(folder.glob("*.json"))[:-KEPT_FILES]:
        path.unlink(missing_ok=True)


def take(home: Home) -> Iterator[tuple[datetime, list[Event]]]:
    """The events that runs left, oldest first; a file goes once what follows is asked for, so a killed process files
    the events of one run twice, but loses none. Nothing while another process takes them.
    """
    folder = _folder(home)
    if not folder.exists():
        return
    try:
        with FileLock(folder / ".lock", timeout=0):
            for path in sorted(folder.glob("*.json")):
                content = json.loads(path.read_text())
                yield datetime.fromisoformat(content["at"]), [Event(**fields) for fields in content["events"]]
                path.unlink()
    except Timeout:
        return


def _folder(home: Home) -> Path:
    return home.root / "build" / "dagster" / "spool"
