"""A lock on a store of objects: an object that is put on condition, held for a time and renewed while it is needed.

    {"owner": …, "host": …, "process": …, "renewed": 3, "expires_at": "2026-11-26T17:00:30+00:00"}

It is created only where there is none, and replaced only where it still is what was read, so that of two takers one
succeeds. A killed holder's expires, by the clock of whoever wants it. Clocks may differ and a holder may sleep: a lock
alone keeps nobody from writing late, so that whoever commits does so on condition too (`object_files`).
"""

import json
import os
import platform
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError

from ingestion import object_store
from ingestion.lake.files import LockTaken

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import ObjectStore

SECONDS = 30.0
"""How long a lock is held without being renewed."""
RENEWALS = 3
"""How often it is renewed in that time."""
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class _Found:
    """What stands in a lock's object."""

    host: str
    expires_at: datetime
    version: "UpdateVersion"

    @property
    def is_held(self) -> bool:
        return datetime.now(UTC) < self.expires_at


class Lease:
    """A lock that this process holds until it is released, lost or expired."""

    def __init__(self, store: "ObjectStore", path: str, seconds: float):
        self._store, self._path, self._seconds = store, path, seconds
        self._owner, self._renewed = uuid4().hex, 0
        self._version: UpdateVersion | None = None
        self._valid_until = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {path}", daemon=True)

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have taken it by this machine's clock."""
        return time.monotonic() < self._valid_until

    def release(self) -> None:
        """Let others take it."""
        self._ended.set()
        self._thread.join()
        self._valid_until = 0.0
        if self._version is not None:
            with suppress(BaseError):  # then it expires
                object_store.put_if(self._store, self._path, self._content(0), self._version)

    def _take(self, before: "UpdateVersion | None") -> bool:
        """Put it in place of what was read; returns whether nobody was faster."""
        asked = time.monotonic()
        self._renewed += 1
        self._version = object_store.put_if(self._store, self._path, self._content(self._seconds), before)
        self._valid_until = asked + self._seconds if self._version is not None else 0.0
        return self._version is not None

    def _keep(self) -> None:
        """Renew it until it is released or somebody has taken it."""
        while not self._ended.wait(self._seconds / RENEWALS):
            with suppress(BaseError):  # the next time
                if not self._take(self._version):
                    return

    def _content(self, seconds: float) -> bytes:
        held = {"owner": self._owner, "host": platform.node(), "process": os.getpid(), "renewed": self._renewed}
        expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
        return json.dumps(held | {"expires_at": expires_at.isoformat()}).encode()

    def acquire(self, wait_seconds: float) -> None:
        """Take it, once others do not hold it, and renew it from then on.

        Raises:
            LockTaken: another process held it all the time.
            BaseError: as the store answers.
        """
        until = time.monotonic() + wait_seconds
        while True:
            found = read(self._store, self._path)
            if not (found and found.is_held):
                if self._take(found.version if found else None):
                    self._thread.start()
                    return
            elif time.monotonic() >= until:
                raise LockTaken(found.host)
            time.sleep(POLL_SECONDS)


def read(store: "ObjectStore", path: str) -> _Found | None:
    """What stands in a lock's object; None where there is none. One that cannot be read has expired."""
    try:
        found = obstore.get(store, path)
        content = bytes(found.bytes())
    except FileNotFoundError:
        return None
    host, expires_at = "", datetime.min.replace(tzinfo=UTC)
    with suppress(ValueError, LookupError, TypeError):
        fields = json.loads(content)
        host, expires_at = str(fields["host"]), datetime.fromisoformat(fields["expires_at"])
    return _Found(host, expires_at, object_store.version(found.meta))
