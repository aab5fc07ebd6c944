"""Block and undo files as a node would keep them of a made chain."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ingestion.bitcoin.hashing import sha256d
from ingestion.sample.regtest import REGTEST, Block
from ingestion.sample.serialization import length


def write_files(
    blocks_folder: Path,
    files: Sequence[Iterable[Block]],
    undo: Sequence[Iterable[Block]] | None = None,
    key: bytes | None = None,
    magic: bytes = REGTEST.magic,
) -> None:
    """Write blkNNNNN.dat and revNNNNN.dat as a node keeps them.

    Args:
        blocks_folder: the node's `blocks` folder; made where it is not there.
        files: the blocks of each block file, in order of arrival.
        undo: the blocks of each undo file, in order of connection; by height where None. Genesis has no undo record.
        key: the 8 bytes of xor.dat; None for neither XOR nor that file.
    """
    blocks_folder.mkdir(parents=True, exist_ok=True)
    if key is not None:
        (blocks_folder / "xor.dat").write_bytes(key)
    files = [list(blocks) for blocks in files]
    undo = undo or [sorted(blocks, key=lambda block: block.height) for blocks in files]
    for number, (arrived, connected) in enumerate(zip(files, undo, strict=True)):
        bodies = b"".join(magic + length(block.serialized) + block.serialized for block in arrived)
        (blocks_folder / f"blk{number:05}.dat").write_bytes(masked(bodies, key))
        records = b"".join(undo_record(block, magic) for block in connected if block.height)
        (blocks_folder / f"rev{number:05}.dat").write_bytes(masked(records, key))


def undo_record(block: Block, magic: bytes = REGTEST.magic) -> bytes:
    """A record of an undo file, with its checksum."""
    return magic + length(block.undo) + block.undo + sha256d(block.parent + block.undo)


def masked(data: bytes, key: bytes | None, position: int = 0) -> bytes:
    """`data` as it stands on disk at `position` of its file."""
    if not key:
        return data
    turned = key[position % 8 :] + key[: position % 8]
    mask = (turned * (len(data) // 8 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(data), "big")
