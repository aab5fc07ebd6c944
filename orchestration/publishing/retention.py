"""How long old builds stay published.

The newest `keep_builds` stay and, for a day, the last one of each hour: as long as they, newest first, fill no more
than `keep_gib` together, a file with several names counted once. The newest build stays whatever it fills, and so does
any under ten minutes old. Builds as of a time neither count nor go: people ask for each by hand, and a new one replaces
that of the same time.
"""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from orchestration.publishing.published import MANIFEST
from orchestration.settings import Publish

DAY = timedelta(days=1)
READERS_OPEN_WITHIN = timedelta(minutes=10)
"""A reader who followed `latest` opens files one by one: 35 Parquet files from a slow disk, or a copy to elsewhere."""


def remove_old(published: Path, built_at: datetime, settings: Publish) -> None:
    """Remove what need not stay of a folder's builds, the newest of which was built at `built_at`."""
    folders = sorted((path.parent for path in published.glob(f"[0-9]*T*Z-*/{MANIFEST}")), reverse=True)
    counted: set[tuple[int, int]] = set()
    hours: set[datetime] = set()
    room = settings.keep_gib * 1024**3
    for number, folder in enumerate(folders):
        at = datetime.strptime(folder.name.split("-")[0], "%Y%m%dT%H%M%SZ")
        hour = at.replace(minute=0, second=0)
        is_wanted = number < settings.keep_builds or (built_at - at <= DAY and hour not in hours)
        hours.add(hour)
        files = _new_bytes(folder, counted)
        if built_at - at >= READERS_OPEN_WITHIN and (not is_wanted or sum(files.values()) > room):
            shutil.rmtree(folder, ignore_errors=True)  # one that a reader has open can stay
        else:
            counted |= files.keys()
            room -= sum(files.values())


def _new_bytes(folder: Path, counted: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Bytes of a folder's files that are not counted yet, by device and inode."""
    states = (path.stat() for path in folder.rglob("*") if path.is_file())
    return {(one.st_dev, one.st_ino): one.st_size for one in states if (one.st_dev, one.st_ino) not in counted}
