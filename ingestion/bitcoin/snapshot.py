"""The unspent coins at one block, from a file written by `dumptxoutset`: a start without the history before it.

    "utxo" ff, version (2 bytes), the network's magic (4), hash of the base block (32), number of coins (8)
    per transaction: its id (32), compact size number of coins; per coin: compact size output number, the coin

A coin is a VARINT of height * 2 + coinbase, a VARINT of its compressed amount, and its compressed script, as Bitcoin
Core's node/utxo_snapshot.h and coins.h have them. The file is trusted: Core's `loadtxoutset` checks its hash, not this.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numba import njit

from ingestion.bitcoin.batches import to_schema
from ingestion.bitcoin.chain_view import ChainView
from ingestion.bitcoin.decode import AMOUNT, COINS, OK, TRANSFER, coin, compact_size
from ingestion.bitcoin.errors import WrongNetwork
from ingestion.bitcoin.networks import NETWORKS, Network
from ingestion.bitcoin.rows import BATCH_TABLES, BLOCKS_DAILY, COIN_CREATED, KINDS, NETWORK, Batch
from ingestion.errors import IngestionError

MAGIC = b"utxo\xff"
VERSION = 2
HEADER_BYTES = 51
TXID_BYTES = 32
PIECE_BYTES = 16 * 1024 * 1024

NO_COIN, BAD_HEIGHT, BAD_AMOUNT = 1, 2, 3
STATUS = {
    NO_COIN: "has a transaction with more coins than are left, or none",
    BAD_HEIGHT: "has a coin that is not from a block between genesis and the base",
    BAD_AMOUNT: "has an amount above 21 million coins",
}


class NotASnapshot(IngestionError):
    """The file is not one that `dumptxoutset` writes, or its version is unknown."""


class UnknownBase(IngestionError):
    """The snapshot was taken at a block that is not on the chain it is read with."""


class DamagedSnapshot(IngestionError):
    """The file does not contain the coins that its header announces."""


class Base(NamedTuple):
    """A snapshot's header: hash of its block, as displayed, and number of coins."""

    block_hash: str
    coins: int


def base(path: Path, network: Network) -> Base:
    """The header of a snapshot.

    Raises:
        NotASnapshot, WrongNetwork: the file is of another kind, or of another network.
        FileNotFoundError, PermissionError: as Python raises them.
    """
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise NotASnapshot(
            f"{path} is not a UTXO snapshot (height unknown): pass a file written by `bitcoin-cli dumptxoutset` of"
            " Bitcoin Core 28 or later."
        )
    version = int.from_bytes(header[5:7], "little")
    if version != VERSION:
        raise NotASnapshot(
            f"{path} is a UTXO snapshot of version {version} (height unknown), and only version {VERSION} can be read:"
            " write it again with a Bitcoin Core that writes this version."
        )
    if header[7:11] != network.magic:
        name = next(
            (each.name for each in NETWORKS.values() if each.magic == header[7:11]), f"magic {header[7:11].hex()}"
        )
        raise WrongNetwork(
            f"{path} is a UTXO snapshot (height unknown) of the network {name}, not of {network.name}: pass a snapshot"
            f" of {network.name}, or choose its network."
        )
    return Base(header[11:43][::-1].hex(), int.from_bytes(header[43:51], "little"))


def read(path: Path, chain: ChainView, progress: Callable[[int, int], None] | None = None) -> Batch:
    """The coins unspent after the snapshot's block, as one finalized batch for all blocks up to it.

    coin_created has what is left of each birth day, so that created less the flows after the snapshot is what
    remains. coin_flow has no row. blocks_daily has one row for the snapshot's day, without blocks and with the
    snapshot's height as first and last: flows are unknown on that day and before, since the first height is not 0.
    Memory: a piece of the file and the cells of each day.

    Args:
        path: the file.
        chain: the chain it was taken from.
        progress: called with (coins done, coins in all) after each piece.

    Raises:
        NotASnapshot, WrongNetwork: see `base`.
        UnknownBase: its block is not on the chain.
        DamagedSnapshot: it ends early, continues after its last coin, or has an impossible coin.
    """
    block_hash, coins = base(path, chain.network)
    height = chain.height_of(block_hash)
    if height is None:
        raise UnknownBase(
            f"{path} was taken at block {block_hash} (height unknown), which is not on the node's chain: let the node"
            " catch up, pass a snapshot of its chain, or for its files the whole data folder, with blocks/index."
        )
    days = chain.day_of_height
    cells = np.zeros((int(days[height]) + 1, len(KINDS), 2), dtype=np.int64)
    _fold(path, coins, height, days, cells, progress)
    birth_day, kind = np.nonzero(cells[:, :, COINS])
    created = pl.DataFrame(
        {
            "birth_date": birth_day,
            "kind": np.array(KINDS)[kind],
            "amount_sats": cells[birth_day, kind, AMOUNT],
            "coins": cells[birth_day, kind, COINS],
        }
    )
    nothing = dict.fromkeys(("blocks", "transactions", "spends", "subsidy_sats", "unfolded_blocks"), 0)
    block = pl.DataFrame({"value_date": [int(days[height])], **nothing, "first_height": height, "last_height": height})
    unknown = {name: pl.lit(None) for name in BLOCKS_DAILY if name not in [*block.columns, *NETWORK]}
    frames = {table: pl.DataFrame(schema=schema) for table, schema in BATCH_TABLES.items()} | {
        "coin_created": to_schema(chain, created, COIN_CREATED),
        "blocks_daily": to_schema(chain, block.with_columns(**unknown), BLOCKS_DAILY),
    }
    return Batch(0, height, block_hash, True, **frames)


def _fold(
    path: Path,
    coins: int,
    height: int,
    days: np.ndarray,
    cells: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Add all coins of the file to their cells, piece by piece."""
    data = np.empty(PIECE_BYTES, dtype=np.uint8)
    filled = done = left = 0
    with path.open("rb", buffering=0) as file:
        file.seek(HEADER_BYTES)
        while got := file.readinto(data.data[filled:]):
            filled += got
            status, at, read_coins, left = fold_coins(data[:filled], coins - done, left, height, days, cells)
            done += read_coins
            if status != OK:
                raise DamagedSnapshot(
                    f"{path}, taken at height {height}, {STATUS[status]} after {done} of {coins} coins: write it again."
                )
            if done == coins and at < filled:
                raise DamagedSnapshot(
                    f"{path}, taken at height {height}, continues after its last coin: write it again."
                )
            data[: filled - at] = data[at:filled]
            filled -= at
            if progress:
                progress(done, coins)
    if done < coins:
        raise DamagedSnapshot(
            f"{path}, taken at height {height}, ends early or cannot be read after {done} of {coins} coins: copy it"
            " again when the node has finished writing it."
        )


@njit(nogil=True, cache=True)
def fold_coins(data, coins, left, height, day_of_height, cells):
    """Add coins to the cells of their birth day until all are read or the piece runs out.

    Args:
        data: bytes that begin with a coin or, where `left` is 0, with a transaction id.
        coins: how many are still to be read, those of the current transaction included.
        left: how many of them belong to the current transaction.
        height: of the snapshot; a coin born later is refused.
        day_of_height: number of the UTC day by height, 0 for genesis.
        cells: int64 [birth day, kind, (AMOUNT, COINS)], at least day_of_height[height] + 1 long; satoshi and coins.

    Returns:
        (OK or a key of STATUS, position of the first byte not used, coins read, coins left of that transaction).
    """
    end = len(data)
    at = 0
    done = 0
    while done < coins:
        if left == 0:
            count, place = compact_size(data, at + TXID_BYTES, end)
            if place < 0:
                break
            if count == 0 or count > coins - done:
                return NO_COIN, at, done, left
            left = count
            at = place
        _, place = compact_size(data, at, end)
        if place < 0:
            break
        code, sats, _, place, _, _ = coin(data, place, end, False)
        if place < 0:
            break
        birth = code >> 1
        if birth == 0 or birth > height:
            return BAD_HEIGHT, at, done, left
        if sats < 0:
            return BAD_AMOUNT, at, done, left
        cell = cells[day_of_height[birth], TRANSFER - (code & 1)]
        cell[AMOUNT] += sats
        cell[COINS] += 1
        at = place
        done += 1
        left -= 1
    return OK, at, done, left
