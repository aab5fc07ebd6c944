"""Where each block of a file begins, kept from one run to the next: on a hard disk, looking costs a seek a block.

    <folder>/blkNNNNN.headers   a line of JSON, then offset (4 bytes), size (4) and header (80) of each block

The line says which bytes were read, as far as the file system tells, and has the SHA-256 of what follows. Whatever does
not fit is read anew, so that nothing here can change a result.
"""

import hashlib
import json
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ingestion import durable
from ingestion.bitcoin.files.block_files import BlockFiles, BlockRecord
from ingestion.bitcoin.files.data_folder import named_errors
from ingestion.bitcoin.hashing import sha256d

_ROW = struct.Struct("<II80s")
_VERSION = 1
# A file may change again within the same tick of the file system's clock, which is 2 s at worst.
SETTLED_SECONDS = 2


class KeptHeaders:
    """The headers kept for one node's files."""

    def __init__(self, folder: Path):
        self._folder = folder

    def blocks(self, files: BlockFiles, number: int) -> list[BlockRecord]:
        """The blocks of a file, as `BlockFiles.blocks` gives and raises them; read only where the file has changed."""
        identity = _identity(files, number)
        path = self._folder / f"blk{number:05}.headers"
        with suppress(OSError, ValueError, struct.error):
            line, _, rows = path.read_bytes().partition(b"\n")
            if json.loads(line) == identity | {"sha256": hashlib.sha256(rows).hexdigest()}:
                found = _ROW.iter_unpack(rows)
                return [BlockRecord(offset, size, header, sha256d(header)) for offset, size, header in found]
        records = list(files.blocks(number))
        is_settled = time.time_ns() - identity["modified_ns"] > SETTLED_SECONDS * 10**9
        if is_settled and identity == _identity(files, number):
            self._keep(path, identity, records)
        return records

    def _keep(self, path: Path, identity: dict[str, Any], records: list[BlockRecord]) -> None:
        rows = b"".join(_ROW.pack(record.offset, record.size, record.header) for record in records)
        line = json.dumps(identity | {"sha256": hashlib.sha256(rows).hexdigest()}).encode()
        with suppress(OSError):  # a home without room costs time, not the run
            durable.replace(path, lambda half: half.write_bytes(line + b"\n" + rows), is_synced=False)


def _identity(files: BlockFiles, number: int) -> dict[str, Any]:
    """What tells the bytes of a block file apart from others without reading them."""
    path = files.block_file(number)
    with named_errors(path):
        stat = path.stat()
    return {
        "version": _VERSION,
        "file": str(path.resolve()),
        "network": files.network.magic.hex(),
        "key": files.key.hex(),
        "bytes": stat.st_size,
        "inode": stat.st_ino,
        "modified_ns": stat.st_mtime_ns,
        "changed_ns": stat.st_ctime_ns,
    }
