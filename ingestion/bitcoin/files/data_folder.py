"""A node's data folder: where its block files are, which there are, and the key they are XORed with."""

import re
from pathlib import Path

import numpy as np

from ingestion.bitcoin.errors import DamagedFile, MissingBlocks, NotADataFolder
from ingestion.bitcoin.networks import Network

BLOCK_FILE = re.compile(r"blk(\d{5,})\.dat")


def blocks_folder(datadir: Path, network: Network) -> Path:
    """The folder of block and undo files below `datadir`, the node's data folder or the network's folder in it.

    Raises:
        NotADataFolder: there are no block files.
        MissingBlocks: see `block_file_numbers`.
    """
    candidates = dict.fromkeys([datadir / network.folder / "blocks", datadir / "blocks"])
    for folder in candidates:
        if folder.is_dir() and block_file_numbers(folder):
            return folder
    paths = " or ".join(str(folder / "blk00000.dat") for folder in candidates)
    raise NotADataFolder(
        f"{datadir} is not a node's data folder, there is no {paths} (height 0): pass the folder that bitcoind uses as"
        " -datadir."
    )


def block_file_numbers(blocks: Path) -> list[int]:
    """Numbers of the block files in a folder, from 0 on.

    Raises:
        MissingBlocks: a number is missing.
    """
    numbers = sorted(int(match[1]) for path in blocks.iterdir() if (match := BLOCK_FILE.fullmatch(path.name)))
    for expected, number in enumerate(numbers):
        if number != expected:
            raise MissingBlocks(
                f"{blocks / f'blk{expected:05}.dat'} is missing (its heights are unknown): restore it, or pass the"
                " data folder of a node that has not pruned its blocks."
            )
    return numbers


def xor_key(path: Path) -> np.ndarray:
    """The key (8 bytes) that a node XORs its files with, from its xor.dat; zeros where there is none.

    Raises:
        DamagedFile: the file is not a key.
    """
    if not path.exists():
        return np.zeros(8, dtype=np.uint8)
    key = path.read_bytes()
    if len(key) != 8:
        raise DamagedFile(f"{path} has {len(key)} bytes instead of 8 (needed from height 0 on): restore it.")
    return np.frombuffer(key, dtype=np.uint8)
