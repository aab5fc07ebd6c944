"""What follows from the installed code alone and takes seconds of CPU to make, kept for all homes of a user.

~/.cache/flowhouse/<kind>/<name>, or below $XDG_CACHE_HOME
"""

from contextlib import suppress
from pathlib import Path

from ingestion import durable
from orchestration import environment

MOST = 8
"""Files of a kind that stay, of 2.4 MB at most: those of the checkouts and settings that a user builds with."""


def read(kind: str, name: str) -> bytes | None:
    """What is kept under that name; None where nothing is."""
    try:
        return _path(kind, name).read_bytes()
    except OSError:
        return None


def keep(kind: str, name: str, content: bytes) -> None:
    """Keep it, and drop the oldest of its kind where there are too many; does nothing where there is no room for it."""
    path = _path(kind, name)
    with suppress(OSError):
        durable.write({path: content})
        for old in sorted(path.parent.glob(f"*{path.suffix}"), key=lambda each: each.stat().st_mtime)[:-MOST]:
            old.unlink(missing_ok=True)


def _path(kind: str, name: str) -> Path:
    return environment.cache_root() / kind / name
