"""Files that outlive a kill and a loss of power. Every rename of the project is made here.

A file is written beside its place under a hidden name, synced, put in its place, and then its folder is synced: ext4
keeps a rename that was not synced and loses the bytes, so that a record names empty files. Files of one call are synced
together by several threads: the disk then commits once for all of them, 0.3 ms a file where one by one took 2.5 ms.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

HIDDEN = re.compile(r"\..*?(?:\.(\d+))?\.part")
"""The name of what is being written, with the process that writes it."""
THREADS = 8
NOT_SYNCED = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}
"""What file systems answer that cannot sync a folder, such as those of other machines."""


def write(contents: Mapping[Path, bytes]) -> None:
    """Write files, each whole or not at all; all of them are on disk when this returns, in no order.

    Raises:
        OSError: naming the file; none of the others has taken its place either, unless renaming failed.
    """
    _replace({path: lambda part, content=content: part.write_bytes(content) for path, content in contents.items()})


def replace(path: Path, write: Callable[[Path], object], is_synced: bool = True) -> None:
    """Replace one file by what `write` writes to the path it is given.

    Args:
        is_synced: whether it is on disk when this returns; if not, call `sync` before anything counts on it.

    Raises:
        OSError: naming the file.
    """
    _replace({path: write}, is_synced)


def move(old: Path, new: Path) -> None:
    """Rename a file or a folder whose content is on disk already."""
    os.replace(old, new)
    sync_folders({old.parent, new.parent})


def link(path: Path, target: str) -> None:
    """Make `path` a symbolic link, in place of another one.

    Raises:
        OSError: the system has no such links, or `path` is a folder.
    """
    part = hidden(path)
    part.unlink(missing_ok=True)
    try:
        part.symlink_to(target, target_is_directory=True)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folders([path.parent])


def hidden(path: Path) -> Path:
    """The name under which this process writes what will be `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def sync(files: Iterable[Path]) -> None:
    """Bring files to disk, and their names."""
    files = list(files)
    _sync_files(files)
    sync_folders({file.parent for file in files})


def sync_tree(folder: Path) -> None:
    """Bring everything below a folder to disk."""
    paths = [path for path in folder.rglob("*") if not path.is_symlink()]
    _sync_files([path for path in paths if path.is_file()])
    sync_folders([folder, *(path for path in paths if path.is_dir())])


def sync_folders(folders: Iterable[Path]) -> None:
    """Bring the names in folders to disk."""
    for folder in folders:
        try:
            _sync(folder)
        except OSError as error:
            if error.errno not in NOT_SYNCED:
                raise


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, where they are missing."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    sync_folders({each.parent for each in missing})


def remove_left_over(folder: Path) -> None:
    """Remove what processes that have ended were writing into a folder."""
    for entry in os.scandir(folder) if folder.is_dir() else ():
        found = HIDDEN.fullmatch(entry.name)
        if found and not (found[1] and _runs(int(found[1]))):
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _replace(writers: Mapping[Path, Callable[[Path], object]], is_synced: bool = True) -> None:
    parts = {path: hidden(path) for path in writers}
    folders = {path.parent for path in writers}
    for folder in folders:
        with _named(folder):
            make_folder(folder)
            remove_left_over(folder)
    try:
        for path, write in writers.items():
            with _named(path):
                write(parts[path])
        if is_synced:
            _sync_files(parts.values())
        for path, part in parts.items():
            with _named(path):
                os.replace(part, path)
    except BaseException:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise
    if is_synced:
        sync_folders(folders)


def _sync_files(files: Iterable[Path]) -> None:
    files = list(files)
    if len(files) == 1:
        _sync(files[0])
    elif files:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(_sync, files))


def _sync(path: Path) -> None:
    with _named(path):
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let an error of the system say which file it is about: of a full disk it does not say so by itself."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
