"""Files of a lake, each named by its path below it with slashes: `farside/flows/flows.parquet`.

A file is there whole or not at all. These are the plain files of this machine; `object_files` has those of a store.
"""

import os
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Protocol

from ingestion import durable


class LockTaken(Exception):
    """Another machine holds a lock.

    Attributes:
        host: which.
    """

    def __init__(self, host: str):
        super().__init__(host)
        self.host = host


class Files(Protocol):
    """Where a lake's files are.

    Attributes:
        name: what sentences call the place.
        root: the folder where they are plain files of this machine, else None.
        mark: ends the names of what this process adds, where a lock can be lost, so that no name has two writers.
    """

    name: str
    root: Path | None
    mark: str

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def read(self, name: str) -> bytes | None:
        """A small file's bytes; None where there is none."""
        ...

    def local(self, name: str) -> Path | None:
        """The file on this machine, or a copy of it, which is not to be written; None where there is none."""
        ...

    def copies(self, names: Collection[str]) -> Mapping[str, Path]:
        """`local` of many.

        Raises:
            FileNotFoundError: one of them is not there.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace a file."""
        ...

    def replace(self, name: str, write: Callable[[Path], object], is_synced: bool = True) -> None:
        """Replace a file by what `write` writes to the path it is given.

        Args:
            is_synced: whether it counts at once; if not, nobody else writes this name, and `sync` comes before
                anything counts on it.
        """
        ...

    def sync(self, names: Collection[str]) -> None:
        """Let nothing undo that these were written."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, if it is there; a kill may leave both names."""
        ...

    def remove(self, names: Collection[str]) -> None:
        """Remove those of these files that are there."""
        ...

    def remove_left_over(self, folder: str) -> None:
        """Remove what killed processes were writing into a folder."""
        ...

    def names(self, folder: str) -> list[str]:
        """Last parts of the names of the files in a folder, sorted."""
        ...

    def walk(self) -> list[str]:
        """Names of all files, sorted."""
        ...

    def drop(self) -> None:
        """Remove everything at once: a killed process leaves all of it, or what `remove_dropped` removes."""
        ...

    def remove_dropped(self) -> None:
        """Remove what a killed process left of what it dropped; under the lake's lock."""
        ...

    def lock(self, name: str, wait_seconds: float) -> AbstractContextManager[None]:
        """Hold a lock against other machines; the thread that holds it may take it again.

        Raises:
            LockTaken: another machine held it all the time.
        """
        ...

    def locked(self) -> set[str]:
        """Names of the locks that a machine holds."""
        ...

    def tidy(self) -> None:
        """Remove copies on this machine that nobody needs."""
        ...


class LocalFiles:
    """Files below a folder of this machine. Who may write them is a matter of the home's own locks."""

    mark = ""

    def __init__(self, root: Path):
        self.root: Path | None = root
        self._root = root
        self.name = root.name
        self._dropped = root.with_name(f".{root.name}.dropped")

    def exists(self, name: str) -> bool:
        return (self._root / name).exists()

    def read(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def local(self, name: str) -> Path | None:
        return path if (path := self._root / name).exists() else None

    def copies(self, names: Collection[str]) -> Mapping[str, Path]:
        return {name: self._root / name for name in names}

    def write(self, name: str, content: bytes) -> None:
        durable.write({self._root / name: content})

    def replace(self, name: str, write: Callable[[Path], object], is_synced: bool = True) -> None:
        durable.replace(self._root / name, write, is_synced)

    def sync(self, names: Collection[str]) -> None:
        durable.sync(self._root / name for name in names)

    def rename(self, old: str, new: str) -> None:
        with suppress(FileNotFoundError):
            durable.move(self._root / old, self._root / new)

    def remove(self, names: Collection[str]) -> None:
        for name in names:
            (self._root / name).unlink(missing_ok=True)

    def remove_left_over(self, folder: str) -> None:
        durable.remove_left_over(self._root / folder)

    def names(self, folder: str) -> list[str]:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._root / folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
        return []

    def walk(self) -> list[str]:
        paths = (path for path in self._root.rglob("*") if path.is_file())
        return sorted(path.relative_to(self._root).as_posix() for path in paths)

    def drop(self) -> None:
        self.remove_dropped()
        if self._root.exists():
            durable.move(self._root, self._dropped)
            self.remove_dropped()

    def remove_dropped(self) -> None:
        if self._dropped.exists():
            shutil.rmtree(self._dropped)

    def lock(self, name: str, wait_seconds: float) -> AbstractContextManager[None]:
        return nullcontext()

    def locked(self) -> set[str]:
        return set()

    def tidy(self) -> None:
        """There are no copies."""
