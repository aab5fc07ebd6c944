"""What a loss of power would leave, as the calls of the system say."""

import os
from pathlib import Path


class Disk:
    """What would be there after a loss of power: files whose bytes were synced, under names whose folder was.

    Attributes:
        renamed: names that were given, in order.
        early: names of files that were given before their bytes were on disk, but for parts, which nothing names yet.
    """

    def __init__(self, monkeypatch):
        self.renamed: list[Path] = []
        self.early: list[str] = []
        self._synced: dict[int, int] = {}
        self._names: set[Path] = set()
        self._fsync, self._replace = os.fsync, os.replace
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "replace", self.replace)

    def fsync(self, opened: int) -> None:
        self._fsync(opened)
        state = os.fstat(opened)
        self._synced[state.st_ino] = state.st_mtime_ns
        place = Path(os.readlink(f"/proc/self/fd/{opened}"))
        if place.is_dir():
            self._names |= {place / name for name in os.listdir(place)}

    def replace(self, old, new) -> None:
        self.renamed.append(Path(new))
        if Path(old).is_file() and not Path(old).is_symlink() and not self._is_synced(Path(old)):
            self.early += [Path(new).name] if Path(new).suffix != ".parquet" else []
        # Of a folder that is renamed, what is in it goes along; its own name counts once it is synced.
        self._names = {
            Path(new) / path.relative_to(old) if path.is_relative_to(old) else path
            for path in self._names
            if path != Path(old) and path != Path(new)
        }
        self._replace(old, new)

    def _is_synced(self, path: Path) -> bool:
        return self._synced.get(path.stat().st_ino) == path.stat().st_mtime_ns

    def unsynced(self, folder: Path) -> list[str]:
        """Files and folders below a folder that would be gone, or of other bytes."""
        return [
            path.relative_to(folder).as_posix()
            for path in sorted(folder.rglob("*"))
            if path not in self._names or (path.is_file() and not self._is_synced(path))
        ]
