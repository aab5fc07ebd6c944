"""How long old builds stay published."""

import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from orchestration.publishing.published import MANIFEST

KEPT_FOR = timedelta(days=1)


def remove_old(published: Path, newest: Path, built_at: datetime, keep_builds: int) -> None:
    """Remove builds over a day old beyond the newest `keep_builds`; one that a reader has open can stay."""
    for folder in sorted(_builds(published), reverse=True)[keep_builds:]:
        stamp = datetime.strptime(folder.name.split("-")[0], "%Y%m%dT%H%M%SZ")
        if folder != newest and built_at - stamp > KEPT_FOR:
            shutil.rmtree(folder, ignore_errors=True)


def _builds(published: Path) -> Iterable[Path]:
    return (path.parent for path in published.glob(f"*T*Z-*/{MANIFEST}"))
