"""The published folders of a home: the pointer to the newest, its manifest, and how a folder takes its place.

What is published never changes in place: a file may have one name in many folders.

published/<build id>/      one build
published/latest           a symbolic link to the newest, or latest.txt where the system has no links
published/as_of/<T>        likewise to a build as of an earlier time, as_of/.<T>/<build id>.<n>/; a folder without links
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from ingestion import durable
from ingestion.digests import sha256
from ingestion.errors import UsageError
from orchestration.errors import PublishedDamaged
from orchestration.home import Home

MANIFEST = "manifest.json"
REPORT = "report.html"
WAREHOUSE = "warehouse.duckdb"
LATEST, LATEST_TEXT = "latest", "latest.txt"


def latest(home: Home) -> Path | None:
    """The folder last published for this home, or None: `latest`, or that of the home's as-of time."""
    return _newest([home.published / "as_of" / home.name]) if home.as_of else pointed(home.published)


def pointed(published: Path) -> Path | None:
    """The build that the pointer in a folder names, or None.

    A killed run may leave both a link and a text: the newer build counts, and the next one removes the other.
    """
    found = [published / LATEST]
    if (pointer := published / LATEST_TEXT).exists():
        found.append(published / pointer.read_text(errors="replace").strip())
    return _newest(found)


def _newest(found: Iterable[Path]) -> Path | None:
    there = [folder.resolve() for folder in found if (folder / MANIFEST).exists()]
    return max(there, key=lambda folder: folder.name, default=None)


def manifest(home: Home) -> dict[str, Any] | None:
    """The manifest of the last published folder, or None where nothing is published.

    Raises:
        PublishedDamaged: it cannot be read.
    """
    folder = latest(home)
    if folder is None:
        return None
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except ValueError:
        content = None
    if isinstance(content, dict):
        return content
    raise PublishedDamaged(
        f"published/{folder.name}/{MANIFEST} cannot be read: run `flowhouse build`, which publishes it again."
    )


def intact_manifest(home: Home) -> dict[str, Any] | None:
    """The manifest of the last published folder, provided that its files are as they were published."""
    try:
        folder, content = latest(home), manifest(home)
        return content if folder and content and not damages(folder, content) else None
    except (PublishedDamaged, LookupError, TypeError):
        return None


def damages(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """A clause for each file of a published folder that is not as it was published, by its digest."""
    expected = {WAREHOUSE: manifest["warehouse"]["sha256"]}
    expected |= {parquet(name): mart["sha256"] for name, mart in manifest["marts"].items()}
    found = {name: sha256(folder / name) if (folder / name).is_file() else None for name in expected}
    return [
        f"published/{folder.name}/{name} {'is gone' if found[name] is None else 'is not as it was published'}"
        for name in expected
        if found[name] != expected[name]
    ]


def parquet(mart: str) -> str:
    """The file of a mart, in a published folder."""
    return f"parquet/{mart}.parquet"


def folder_of(home: Home, build_id: str) -> Path | None:
    """The last published folder, provided that it is of that build."""
    try:
        content = manifest(home)
    except PublishedDamaged:
        return None
    return latest(home) if content and content["build_id"] == build_id else None


def warehouse(home: Home) -> Path:
    """The published database.

    Raises:
        UsageError: nothing has been published yet.
    """
    folder = latest(home)
    if folder is None:
        raise UsageError(f"Nothing is published below {home.root} yet: run `flowhouse build` first.")
    return folder / WAREHOUSE


def point_latest(published: Path, build_id: str) -> None:
    """Make a build the one that readers see, in one step; of link and text one stays."""
    link, pointer = published / LATEST, published / LATEST_TEXT
    try:
        durable.link(link, build_id)
    except OSError:  # a system without links
        durable.write({pointer: build_id.encode()})
        if link.is_symlink():
            link.unlink()
    else:
        pointer.unlink(missing_ok=True)


def place_as_of(part: Path, place: Path, build_id: str) -> Path:
    """Make a folder the build as of a time, in one step: a reader finds the one before or this one.

    The one before stays until the next, for readers that are in it.
    """
    kept = place.with_name(f".{place.name}")
    folder = next(folder for n in count() if not (folder := kept / f"{build_id}.{n}").exists())
    before = place.resolve()
    durable.make_folder(kept)
    durable.move(part, folder)
    target = f"{kept.name}/{folder.name}"
    try:
        durable.link(place, target)
    except IsADirectoryError:  # a folder, as former versions published it: once there is a moment without
        before = kept / "former"
        durable.move(place, before)
        durable.link(place, target)
    except OSError:  # a system without links
        return replace_folder(folder, place)
    for old in kept.iterdir():
        if old not in (folder, before):
            shutil.rmtree(old, ignore_errors=True)
    return place


def link(file: Path, name: Path) -> None:
    """Give a file another name by a hard link, which takes no more disk; a copy where the system has no links."""
    name.unlink(missing_ok=True)
    try:
        os.link(file, name)
    except OSError:
        shutil.copyfile(file, name)


def replace_folder(part: Path, folder: Path) -> Path:
    """Replace a folder; the old files stay readable under a hidden name until the new ones are in place."""
    durable.make_folder(folder.parent)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        durable.move(folder, old)
    durable.move(part, folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder
