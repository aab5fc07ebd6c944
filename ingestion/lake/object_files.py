"""Files of a lake on a store of objects, where nothing is renamed and another machine may write.

    <url>/<source>/…           as in a folder
    <url>/_locks/<name>        who holds a lock, see `lease`
    <url>/dropped.txt          while everything is being removed

Who writes holds a lock, and puts each file on condition that it still is what was read under that lock: of a writer who
lost it, to a pause or a cut network, not one file takes effect. What this process adds under names of its own needs no
condition. A copy of each file that was read or written stays on this machine, by version, so that Parquet is read from
disk and nothing unchanged is fetched again.
"""

import errno
import os
import re
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import obstore
from obstore.exceptions import PreconditionError

from ingestion import durable, object_store
from ingestion.errors import LakeOvertaken, StoreFailed
from ingestion.lake import lease
from ingestion.lake.lease import Lease
from ingestion.threads import in_order

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta, UpdateVersion
    from obstore.store import RetryConfig

LOCKS = "_locks/"
DROPPED = "dropped.txt"
LOCK_SECONDS = timedelta(seconds=lease.SECONDS / lease.RENEWALS)
"""How long a lock is asked for: until it is to be renewed again."""
LOCK_RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": LOCK_SECONDS}
PIECE = 8 * 1024**2
"""Bytes that are fetched at once, and held in memory."""
IN_FLIGHT = 8
SUFFIX = ".parquet"
ATTEMPTS = 5
"""A file that is replaced while it is fetched is fetched again."""
KEPT_SECONDS = 3600.0
"""How long a copy of what was replaced or removed stays, for those that read it."""


@dataclass
class _Session:
    """A lock that a thread holds, and the version of each file that it read or wrote under it; None of no file."""

    name: str
    lease: Lease
    seen: "dict[str, UpdateVersion | None]" = field(default_factory=dict)


class _Thread(threading.local):
    def __init__(self) -> None:
        self.sessions: list[_Session] = []


@cache
def opened(url: str, copies: Path) -> "ObjectFiles":
    """The files of an address; the same object each time, since it knows which locks are held.

    Args:
        copies: folder of this machine for copies.

    Raises:
        StoreFailed: there are no keys for it.
    """
    return ObjectFiles(url, copies)


class ObjectFiles:
    """Files below an address; see the module. Every method raises StoreFailed."""

    root: Path | None = None

    def __init__(self, url: str, copies: Path):
        self.name = url.rstrip("/")
        self.mark = f"-{uuid4().hex[:12]}"
        self._copies = copies
        self._store = object_store.open_store(self.name, StoreFailed)
        self._lock_store = object_store.open_store(self.name, StoreFailed, {"timeout": LOCK_SECONDS}, LOCK_RETRIES)
        self._thread = _Thread()
        self._files: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def exists(self, name: str) -> bool:
        return self._head(name) is not None

    def read(self, name: str) -> bytes | None:
        with self._named_errors():
            try:
                found = obstore.get(self._store, name)
                content = bytes(found.bytes())
            except FileNotFoundError:
                self._see(name, None)
                return None
        self._see(name, object_store.version(found.meta))
        return content

    def local(self, name: str) -> Path | None:
        for _ in range(ATTEMPTS):
            meta = self._head(name)
            self._see(name, object_store.version(meta) if meta else None)
            if meta is None:
                return None
            with suppress(PreconditionError):
                return self._copy(name, meta)
        raise self._overtaken()

    def copies(self, names: Collection[str]) -> Mapping[str, Path]:
        return dict(zip(names, in_order(self._there, names, IN_FLIGHT), strict=True))

    def write(self, name: str, content: bytes) -> None:
        self._put(name, content)

    def replace(self, name: str, write: Callable[[Path], object], is_synced: bool = True) -> None:
        new = self._copies / name / "new"
        with self._files[name]:
            durable.replace(new, write)
            if is_synced:
                version = self._put(name, new.read_bytes())
            else:
                self._check_locks()
                with self._named_errors():
                    version = object_store.version(obstore.put(self._store, name, new))
            durable.move(new, self._place(name, version))

    def sync(self, names: Collection[str]) -> None:
        """What was put is stored."""

    def rename(self, old: str, new: str) -> None:
        content = self.read(old)
        if content is not None:
            self.write(new, content)
            self.remove([old])

    def remove(self, names: Collection[str]) -> None:
        if not names:
            return
        self._check_locks()
        with self._named_errors():
            obstore.delete(self._store, [*names])
        for name in names:
            self._note(name, None)
            shutil.rmtree(self._copies / name, ignore_errors=True)

    def remove_left_over(self, folder: str) -> None:
        """An upload that was cut off is no file."""

    def names(self, folder: str) -> list[str]:
        with self._named_errors():
            found = object_store.in_folder(self._store, folder)
        return sorted(path.rpartition("/")[2] for path in found)

    def walk(self) -> list[str]:
        with self._named_errors():
            found = object_store.below(self._store, "")
        return sorted(name for name in found if not name.startswith(LOCKS))

    def drop(self) -> None:
        self._check_locks()
        with self._named_errors():
            obstore.put(self._store, DROPPED, b"What this lake held is being removed.\n")
        self.remove_dropped()

    def remove_dropped(self) -> None:
        if not self.exists(DROPPED):
            return
        names = [name for name in self.walk() if name != DROPPED]
        self.remove([name for name in names if "/" in name])
        self.remove([name for name in names if "/" not in name])  # what the lake is comes last
        self.remove([DROPPED])

    @contextmanager
    def lock(self, name: str, wait_seconds: float) -> Generator[None]:
        sessions = self._thread.sessions
        if any(session.name == name for session in sessions):
            yield
            return
        held = Lease(self._lock_store, f"{LOCKS}{name}", lease.SECONDS)
        with self._named_errors():
            held.acquire(wait_seconds)
        sessions.append(_Session(name, held))
        try:
            yield
        finally:
            sessions.pop()
            held.release()

    def locked(self) -> set[str]:
        with self._named_errors():
            found = {path: lease.read(self._lock_store, path) for path in object_store.below(self._store, LOCKS)}
        return {path.removeprefix(LOCKS) for path, held in found.items() if held and held.is_held}

    def tidy(self) -> None:
        names, before = {*self.walk()}, time.time() - KEPT_SECONDS
        versions: defaultdict[Path, list[Path]] = defaultdict(list)
        for path in self._copies.rglob(f"*{SUFFIX}"):
            if path.is_file():
                versions[path.parent].append(path)
        for folder, paths in versions.items():
            with suppress(FileNotFoundError):
                newest = max(paths, key=lambda path: path.stat().st_mtime_ns)
                is_there = folder.relative_to(self._copies).as_posix() in names
                for path in paths:
                    if not (is_there and path == newest) and path.stat().st_atime < before:
                        path.unlink()

    def _there(self, name: str) -> Path:
        path = self.local(name)
        if path is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self.name}/{name}")
        return path

    def _head(self, name: str) -> "ObjectMeta | None":
        with self._named_errors():
            try:
                return obstore.head(self._store, name)
            except FileNotFoundError:
                return None

    def _put(self, name: str, content: bytes) -> "UpdateVersion":
        """Put a file on condition that it still is what was read under the locks of this thread."""
        before = self._expected(name)
        self._check_locks()
        with self._named_errors():
            version = object_store.put_if(self._store, name, content, before)
        if version is None:
            raise self._overtaken()
        self._note(name, version)
        return version

    def _copy(self, name: str, meta: "ObjectMeta") -> Path:
        """A copy of one version of a file; PreconditionError where it is replaced meanwhile."""
        path = self._place(name, object_store.version(meta))
        with self._files[name]:
            if path.exists() and (stat := path.stat()).st_size == meta["size"]:
                os.utime(path, ns=(time.time_ns(), stat.st_mtime_ns))  # not every file system notes that it is read
            else:
                durable.replace(path, partial(self._fetch, name, meta))
        return path

    def _fetch(self, name: str, meta: "ObjectMeta", path: Path) -> None:
        with path.open("wb") as file, self._named_errors():
            for begin in range(0, meta["size"], PIECE):
                options: GetOptions = {"range": (begin, begin + PIECE), "if_match": meta["e_tag"]}
                try:
                    file.write(obstore.get(self._store, name, options=options).bytes())
                except FileNotFoundError:
                    raise PreconditionError from None

    def _place(self, name: str, version: "UpdateVersion") -> Path:
        """Where the copy of a version is."""
        tag = re.sub(r"\W", "", "".join(map(str, version.values())))
        return self._copies / name / f"{tag}{SUFFIX}"

    def _see(self, name: str, version: "UpdateVersion | None") -> None:
        """Note what was read first under the lock that was taken last."""
        if self._thread.sessions:
            self._thread.sessions[-1].seen.setdefault(name, version)

    def _note(self, name: str, version: "UpdateVersion | None") -> None:
        """Note what was written."""
        for session in self._thread.sessions:
            session.seen[name] = version

    def _expected(self, name: str) -> "UpdateVersion | None":
        for session in reversed(self._thread.sessions):
            if name in session.seen:
                return session.seen[name]
        meta = self._head(name)
        return object_store.version(meta) if meta else None

    def _check_locks(self) -> None:
        if not all(session.lease.is_held for session in self._thread.sessions):
            raise self._overtaken()

    def _overtaken(self) -> LakeOvertaken:
        return LakeOvertaken(
            f"Another machine has written to {self.name} meanwhile: run this again; nothing that was stored is lost."
        )

    def _named_errors(self) -> AbstractContextManager[None]:
        return object_store.named_errors(self.name, StoreFailed)
