"""A node's data folder: where its block files are, which there are, and the key they are XORed with."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ingestion.bitcoin.errors import DamagedFile, MissingBlocks, NotADataFolder, UnreadableFile
from ingestion.bitcoin.networks import Network

FILE_NAME = re.compile(r"(blk|rev)(\d{5,})\.dat")


def blocks_folder(datadir: Path, network: Network) -> Path:
    """The folder of block and undo files below `datadir`, the node's data folder or the network's folder in it.

    Raises:
        NotADataFolder: there are no block files.
        UnreadableFile: a folder cannot be read.
    """
    candidates = dict.fromkeys([datadir / network.folder / "blocks", datadir / "blocks"])
    for folder in candidates:
        with named_errors(folder), suppress(FileNotFoundError, NotADirectoryError):
            if file_numbers(folder, "blk"):
                return folder
    paths = " or ".join(str(folder / "blk00000.dat") for folder in candidates)
    raise NotADataFolder(
        f"{datadir} is not a node's data folder, there is no {paths} (height 0): pass the folder that bitcoind uses as"
        " -datadir."
    )


def file_numbers(blocks: Path, kind: str) -> list[int]:
    """Numbers of the files of a kind, blk or rev, in a folder, rising."""
    names = (FILE_NAME.fullmatch(path.name) for path in blocks.iterdir())
    return sorted(int(name[2]) for name in names if name and name[1] == kind)


def snapshot_base(blocks: Path) -> bytes | None:
    """Hash (32 bytes, as hashed) of the block whose UTXO snapshot a node began with, until it has read what was before.

    As Core's `loadtxoutset` writes it beside the blocks.
    """
    path = blocks.parent / "chainstate_snapshot" / "base_blockhash"
    with named_errors(path):
        return path.read_bytes()[:32] if path.exists() else None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A block or undo file to read from.

    Raises:
        MissingBlocks: it is gone.
        UnreadableFile: this user may not read it, or the disk fails.
    """
    with named_errors(path), path.open("rb", buffering=0) as file:
        yield file


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Turn errors of reading a node's file or folder into named ones; see `opened`."""
    try:
        yield
    except FileNotFoundError as error:
        raise file_gone(path) from error
    except PermissionError as error:
        raise UnreadableFile(
            f"{path} cannot be read ({error.strerror}): run this as the node's user, or give its group"
            " read access to the folder (`chmod -R g+rX`) and add yourself to the group."
        ) from error
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror}): check its disk.") from error


def file_gone(path: Path) -> MissingBlocks:
    """The error where a file was there a moment ago."""
    return MissingBlocks(
        f"{path} was removed while it was read (height unknown), as a node does that prunes: run this again, and keep"
        " more blocks (-prune) or read more often where it happens again."
    )


def xor_key(path: Path) -> np.ndarray:
    """The key (8 bytes) that a node XORs its files with, from its xor.dat; zeros where there is none.

    Raises:
        DamagedFile: the file is not a key.
        UnreadableFile: it cannot be read.
    """
    with named_errors(path):
        if not path.exists():
            return np.zeros(8, dtype=np.uint8)
        key = path.read_bytes()
    if len(key) != 8:
        raise DamagedFile(f"{path} has {len(key)} bytes instead of 8 (needed from height 0 on): restore it.")
    return np.frombuffer(key, dtype=np.uint8)
