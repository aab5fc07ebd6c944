"""The published folders of a home: the pointer to the newest, its manifest, and how a folder takes its place.

What is published never changes in place: a file may have one name in many folders.

published/<build id>/      one build
published/latest           a symbolic link to the newest, or latest.txt where the system has no links
published/as_of/<T>/       a build as of an earlier time
"""

import json
import os
import shutil
from pathlib import Path

from ingestion.errors import UsageError
from orchestration.home import Home

MANIFEST = "manifest.json"
REPORT = "report.html"
WAREHOUSE = "warehouse.duckdb"


def latest(home: Home) -> Path | None:
    """The folder last published for this home, or None: `latest`, or that of the home's as-of time."""
    if home.as_of:
        folder = home.published / "as_of" / home.name
    elif (pointer := home.published / "latest.txt").exists():
        folder = home.published / pointer.read_text().strip()
    else:
        folder = home.published / "latest"
    return folder.resolve() if (folder / MANIFEST).exists() else None


def manifest(home: Home) -> dict | None:
    """The manifest of the last published folder, or None."""
    folder = latest(home)
    return json.loads((folder / MANIFEST).read_text()) if folder else None


def folder_of(home: Home, build_id: str) -> Path | None:
    """The last published folder, provided that it is of that build."""
    content = manifest(home)
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
    """Make a build the one that readers see, in one step."""
    link, pointer = published / "latest", published / "latest.txt"
    part = published / ".latest.part"
    part.unlink(missing_ok=True)
    try:
        part.symlink_to(build_id, target_is_directory=True)
    except OSError:
        part.write_text(build_id)
        os.replace(part, pointer)
    else:
        os.replace(part, link)
        pointer.unlink(missing_ok=True)


def link(file: Path, name: Path) -> None:
    """Give a file another name by a hard link, which takes no more disk; a copy where the system has no links."""
    name.unlink(missing_ok=True)
    try:
        os.link(file, name)
    except OSError:
        shutil.copyfile(file, name)


def replace_folder(part: Path, folder: Path) -> Path:
    """Replace a folder; the old files stay readable under a hidden name until the new ones are in place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder
