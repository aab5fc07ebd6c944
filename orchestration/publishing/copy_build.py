"""Copies the latest build to a folder or a bucket, whole or not at all: a data set that any web server can serve.

<target>/<build id>/    the published files, then SHA256SUMS, which `sha256sum --check` reads
<target>/latest         as in a home, and last: what it names is whole; in a bucket it is latest.txt
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ingestion.digests import sha256
from ingestion.errors import UsageError
from ingestion.threads import in_order
from orchestration.configuration import checks
from orchestration.errors import CopyFailed, PublishedDamaged
from orchestration.home import Home
from orchestration.publishing import published
from orchestration.publishing.targets import Bucket, Folder, Target

SUMS = "SHA256SUMS"
SUM = re.compile(r"([0-9a-f]{64})  (.+)")
IN_FLIGHT = 8
"""Files on their way at once: a bucket takes 0.1 s to answer for each."""


@dataclass(frozen=True)
class Copied:
    """What a copy came to.

    Attributes:
        build_id: of the build that the pointer now names.
        where: the target.
        sent, sent_bytes: files that were sent, and their size.
        reused: files that the target had already, of this build or of the one before.
        removed: old builds that went.
    """

    build_id: str
    where: str
    sent: int
    sent_bytes: int
    reused: int
    removed: int


def copy_latest(home: Home, to: str | Path, keep_builds: int) -> Copied:
    """Copy the latest build to a target; a reader of its pointer sees the build before or this one, each whole.

    What an interrupted copy has sent stays, and the next one goes on from there.

    Args:
        to: a folder, or s3://bucket/prefix, gs:// or az:// likewise.
        keep_builds: how many builds stay at the target. The one that the pointer named before stays in any case, until
            the next copy, for readers that are in it.

    Raises:
        UsageError: nothing is published, or the target is none.
        PublishedDamaged: a file is not as it was published.
        CopyFailed: the target cannot be read or written; its pointer stays as it is.
    """
    target = open_target(to, home)
    folder = published.warehouse(home).parent
    before = target.latest()
    earlier = _earlier(target, before, folder.name)
    try:
        sums = _sums(home, folder)
        taken = list(in_order(partial(_place, target, folder, earlier), sums.items(), IN_FLIGHT))
        _put_sums(target, folder.name, sums)
    except OSError as error:  # a build between removed it, or a disk fails
        reason = error.strerror or type(error).__name__
        raise CopyFailed(f"{folder.name} cannot be read ({reason}): run `flowhouse publish` again.") from None
    target.point(folder.name)
    removed = _remove_old(target, keep_builds, {folder.name, before})
    sent = [size for size in taken if size is not None]
    return Copied(folder.name, target.name, len(sent), sum(sent), len(taken) - len(sent), removed)


def open_target(to: str | Path, home: Home) -> Target:
    """The target of a name.

    Raises:
        UsageError: it is neither a folder outside the home nor the address of a store.
    """
    try:
        checks.publish_target(to)
    except ValueError as error:
        raise UsageError(f"The target {error}") from None
    if checks.is_address(to):
        return Bucket(str(to))
    folder = Path(to).expanduser().absolute()
    if folder.resolve().is_relative_to(home.root.resolve()):
        raise UsageError(f"The target {folder} is inside the home: name a folder outside it.")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"The target {folder} is not a folder: name another.")
    return Folder(folder)


def _sums(home: Home, folder: Path) -> dict[str, str]:
    """Digests of a published folder's files by their path.

    Raises:
        PublishedDamaged: a file is not as it was published.
    """
    if damages := published.damages(folder, published.manifest(home) or {}):
        raise PublishedDamaged(f"{damages[0]}: run `flowhouse build --full`, which publishes it again.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): sha256(file) for file in files}


def _earlier(target: Target, before: str | None, build_id: str) -> Mapping[str, str]:
    """The files of the build that the pointer names, by digest."""
    if before in (None, build_id):
        return {}
    lines = (target.read(f"{before}/{SUMS}") or b"").decode(errors="replace").splitlines()
    return {found[1]: f"{before}/{found[2]}" for line in lines if (found := SUM.fullmatch(line))}


def _place(target: Target, folder: Path, earlier: Mapping[str, str], file: tuple[str, str]) -> int | None:
    """Bring one file to the target; returns the bytes that were sent, None where it was there already."""
    name, digest = file
    path = f"{folder.name}/{name}"
    if target.digest(path) == digest:
        return None
    if digest in earlier and target.digest(earlier[digest]) == digest:
        target.reuse(path, earlier[digest])
        return None
    size = (folder / name).stat().st_size
    target.put(path, folder / name, digest)
    return size


def _put_sums(target: Target, build_id: str, sums: Mapping[str, str]) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / SUMS
        file.write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
        target.put(f"{build_id}/{SUMS}", file, sha256(file))


def _remove_old(target: Target, keep_builds: int, kept: Collection[str | None]) -> int:
    """Remove all but the newest builds and those to keep; returns how many went."""
    old = [build for build in sorted(target.builds(), reverse=True)[keep_builds:] if build not in kept]
    for build in old:
        target.remove(build)
    return len(old)
