"""Where a build is copied to: a folder or a store. Each file is there whole or not at all; so is the pointer."""

import mimetypes
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import obstore

from ingestion import durable, object_store
from ingestion.digests import sha256
from orchestration.errors import CopyFailed
from orchestration.publishing import published

BUILD_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
SHA256 = "sha256"
"""The metadata of an object that holds its digest: an ETag is one of the parts that it was sent in."""


class Target(Protocol):
    """A place of builds. Paths are relative to it, with slashes. Every method raises CopyFailed."""

    name: str

    def builds(self) -> set[str]:
        """Ids of the builds that are there, whole or not."""
        ...

    def latest(self) -> str | None:
        """The id of the build that the pointer names."""
        ...

    def digest(self, path: str) -> str | None:
        """The SHA-256 of a file in hex; None where it is not there."""
        ...

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where it is not there."""
        ...

    def put(self, path: str, file: Path, digest: str) -> None:
        """Copy a file of this machine."""
        ...

    def reuse(self, path: str, earlier: str) -> None:
        """Give a file that is there another name."""
        ...

    def point(self, build_id: str) -> None:
        """Make a build the one that readers see."""
        ...

    def remove(self, build_id: str) -> None:
        """Remove a build."""
        ...


class Folder:
    """A folder of this machine, laid out like `published/` of a home."""

    def __init__(self, root: Path):
        self.root, self.name = root, str(root)

    def builds(self) -> set[str]:
        with self._named_errors():
            return {path.name for path in self.root.glob("*/") if BUILD_ID.fullmatch(path.name)}

    def latest(self) -> str | None:
        with self._named_errors():
            folder = published.pointed(self.root)
        return folder.name if folder else None

    def digest(self, path: str) -> str | None:
        with self._named_errors():
            return sha256(self.root / path) if (self.root / path).is_file() else None

    def read(self, path: str) -> bytes | None:
        with self._named_errors():
            return (self.root / path).read_bytes() if (self.root / path).is_file() else None

    def put(self, path: str, file: Path, digest: str) -> None:
        with self._named_errors():
            durable.replace(self.root / path, lambda part: shutil.copyfile(file, part), is_synced=False)

    def reuse(self, path: str, earlier: str) -> None:
        with self._named_errors():
            durable.replace(self.root / path, lambda part: published.link(self.root / earlier, part), is_synced=False)

    def point(self, build_id: str) -> None:
        with self._named_errors():
            durable.sync_tree(self.root / build_id)
            durable.sync_folders([self.root])
            published.point_latest(self.root, build_id)

    def remove(self, build_id: str) -> None:
        shutil.rmtree(self.root / build_id, ignore_errors=True)  # one that a reader has open can stay

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CopyFailed(
                f"{self.name} cannot be written ({reason}): make room or get access to it, or name another folder."
            ) from None


class Bucket:
    """A bucket of S3, Google Cloud Storage or Azure, or of a server that speaks as one of them does."""

    def __init__(self, url: str):
        self.name = url.rstrip("/")
        self._store = object_store.open_store(self.name, CopyFailed)

    def builds(self) -> set[str]:
        with self._named_errors():
            folders = obstore.list_with_delimiter(self._store)["common_prefixes"]
            return {name for name in folders if BUILD_ID.fullmatch(name)}

    def latest(self) -> str | None:
        text = (self.read(published.LATEST_TEXT) or b"").decode(errors="replace").strip()
        return text if BUILD_ID.fullmatch(text) else None

    def digest(self, path: str) -> str | None:
        with self._named_errors():
            try:
                return obstore.get(self._store, path, options={"head": True}).attributes.get(SHA256)
            except FileNotFoundError:
                return None

    def read(self, path: str) -> bytes | None:
        with self._named_errors():
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    def put(self, path: str, file: Path, digest: str) -> None:
        with self._named_errors():
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            obstore.put(self._store, path, file, attributes={SHA256: digest, "Content-Type": kind})

    def reuse(self, path: str, earlier: str) -> None:
        with self._named_errors():
            obstore.copy(self._store, earlier, path)

    def point(self, build_id: str) -> None:
        with self._named_errors():
            content = {"Content-Type": "text/plain", "Cache-Control": "no-cache"}
            obstore.put(self._store, published.LATEST_TEXT, build_id.encode(), attributes=content)

    def remove(self, build_id: str) -> None:
        with self._named_errors():
            for batch in obstore.list(self._store, prefix=build_id):
                obstore.delete(self._store, [each["path"] for each in batch])

    def _named_errors(self) -> AbstractContextManager[None]:
        return object_store.named_errors(self.name, CopyFailed)
