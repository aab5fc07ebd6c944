"""Where a build is copied to: a folder or an S3 bucket. Each file is there whole or not at all; so is the pointer."""

import mimetypes
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import obstore
from obstore.exceptions import BaseError, GenericError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from ingestion import durable
from ingestion.digests import sha256
from orchestration.errors import CopyFailed
from orchestration.publishing import published

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

BUILD_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
STATUS = re.compile(r"status code: (\d+)")
SHA256 = "sha256"
"""The metadata of an object that holds its digest: an ETag is one of the parts that it was sent in."""
INSTANCE = "169.254.169.254"
"""Where obstore asks a machine of a cloud for keys, when it has none."""
CLIENT: "ClientConfig" = {
    "allow_http": True,  # for a server in the own network; an endpoint is https unless it says otherwise
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=60),
}
RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}


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
    """A bucket of S3, or of a server that speaks as S3 does.

    obstore takes keys, region and endpoint from the usual variables (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL …). Its own
    words are never shown: they hold addresses and answers.
    """

    def __init__(self, bucket: str, prefix: str):
        self.name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._store = S3Store(bucket, prefix=prefix or None, client_options=CLIENT, retry_config=RETRIES)

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

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError):
            raise CopyFailed(
                f"{self.name} refuses these keys: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION."
            ) from None
        except FileNotFoundError:
            raise CopyFailed(f"{self.name} is not there: create the bucket, or check its name and region.") from None
        except GenericError as error:
            if INSTANCE in str(error):
                raise CopyFailed(
                    f"There are no keys for {self.name}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
                ) from None
            status = STATUS.search(str(error))
            how = f"answered {status[1]}" if status else "could not be reached"
            raise CopyFailed(f"{self.name} {how}: check AWS_ENDPOINT_URL, AWS_REGION and the network.") from None
        except BaseError as error:
            raise CopyFailed(f"{self.name} cannot be written ({type(error).__name__}): try another prefix.") from None
