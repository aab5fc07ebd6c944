"""The best chain in a node's own files, read while the node may be running."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import numpy as np

from ingestion.bitcoin.chain_view import SECONDS_A_DAY
from ingestion.bitcoin.errors import MissingBlocks, MissingUndo
from ingestion.bitcoin.files import tip, undo_in_order, undo_matching
from ingestion.bitcoin.files.block_files import BlockFiles, BlockReader
from ingestion.bitcoin.files.block_index import ABOVE_GAP, NOWHERE, UNLINKED, BlockIndex, Header
from ingestion.bitcoin.files.kept_headers import KeptHeaders
from ingestion.bitcoin.files.undo_in_order import NotInOrder
from ingestion.bitcoin.files.undo_matching import ByteRange, Matches
from ingestion.bitcoin.networks import Network


class FileChain:
    """The files of one node on one network and the best chain in them when it was opened; a `ChainView`.

    The chain ends at the block of most work that has an undo record, the first to arrive among equals: blocks that the
    node has not connected yet are left for the next run. Where the node itself is asked, it is the chain it follows.

    Attributes:
        network: the network.
        tip_height: height of the last block.
        day_of_height: int32 by height, days since `first_day`: the UTC day of the greatest header time up to there.
        first_day: genesis' UTC day, in days since 1970.
        remarks: a sentence for whatever the files have beyond this chain.

    Raises:
        NotADataFolder, WrongNetwork, MissingBlocks, MissingUndo, DamagedFile, UnreadableFile: see each.
    """

    def __init__(
        self,
        datadir: Path,
        network: Network,
        progress: Callable[[int, int], None] | None = None,
        hash_at: tip.HashAt | None = None,
        kept: KeptHeaders | None = None,
        ask_headers: Callable[[], Iterable[Header]] | None = None,
    ):
        """Find the files below `datadir` and read all headers.

        Args:
            datadir: the node's data folder, or the network's folder in it.
            network: the network expected there.
            progress: called with (block files read, block files) after each.
            hash_at: the node's block hash at a height, None above its tip; where it is asked which blocks are valid.
            kept: headers of former runs.
            ask_headers: see `BlockIndex`.
        """
        self.network = network
        self._files = BlockFiles(datadir, network)
        self._index = BlockIndex(self._files, progress, kept, ask_headers)
        self._matches: dict[int, Matches] = {}
        self._undo_numbers: dict[int, int] = {}
        self._chain = array("q")
        # A block connected without its ancestors, or one whose undo alone is left, is no end of the chain.
        for number in [*self._files_with(UNLINKED), *self._files_that_may_have_lost_blocks()]:
            self._match(number)
        end, remark = tip.find(self._index, self._match, hash_at)
        self._chain = self._index.ancestry(end)
        self.remarks = [remark] if remark else []
        if ABOVE_GAP in self._index.heights:
            self.remarks.append(_in_background(self._index.heights[end] + 1, None))
        self._choose_copies()
        for number, matches in self._matches.items():
            self._check_fit(number, matches)
        times = np.maximum.accumulate(np.array([self._index.times[row] for row in self._chain], dtype=np.int64))
        days = times // SECONDS_A_DAY
        self.tip_height = len(self._chain) - 1
        self.first_day = int(days[0])
        self.day_of_height = (days - self.first_day).astype(np.int32)

    def block_hash(self, height: int) -> str:
        """Hash of the chain's block at `height`, as displayed.

        Raises:
            IndexError: above the tip.
        """
        return self._index.hashes[self._chain[height]][::-1].hex()

    def height_of(self, block_hash: str) -> int | None:
        """Height of the block of that hash (as displayed) on the chain; None where it is not on it."""
        row = self._index.row(bytes.fromhex(block_hash)[::-1])
        return self._index.heights[row] if row is not None and self._is_on_chain(row) else None

    @property
    def first_kept(self) -> int:
        """Height from which on the files have every block of the chain."""
        numbers = self._index.numbers
        kept = takewhile(lambda row: numbers[row] != NOWHERE, reversed(self._chain))
        return len(self._chain) - sum(1 for _ in kept)

    def block_bytes(self, height: int) -> int:
        """Size of the block at `height`."""
        return self._index.sizes[self._chain[height]]

    def heights_by_file(self, first: int) -> dict[int, list[int]]:
        """The chain's heights from `first` on by number of their undo file, rising; files by their lowest height.

        Heights whose blocks the files do not have are left out.
        """
        heights: dict[int, list[int]] = {}
        for height in range(first, len(self._chain)):
            if (number := self._undo_number(self._chain[height])) != NOWHERE:
                heights.setdefault(number, []).append(height)
        return heights

    def end_at_gap(self, first: int) -> None:
        """End the chain before the first block from `first` on that a node begun with a UTXO snapshot has yet to read.

        Raises:
            MissingBlocks: the files lack a block for another reason.
        """
        numbers = self._index.numbers
        gap = next((n for n in range(first, len(self._chain)) if numbers[self._chain[n]] == NOWHERE), None)
        if gap is None:
            return
        above = next(n for n in range(gap, len(self._chain)) if numbers[self._chain[n]] != NOWHERE)
        base = self._index.hashes[self._chain[above - 1]]
        if base != self._files.snapshot_base:
            raise self._lacks(gap, above)
        self.remarks.append(_in_background(gap, above - 1))
        self._chain = self._chain[:gap]
        self.tip_height = gap - 1
        self.day_of_height = self.day_of_height[:gap]

    def block(self, height: int) -> np.ndarray:
        """Plain bytes (uint8) of the chain's block at `height`."""
        return self._index.block(self._chain[height])

    @contextmanager
    def block_reader(self) -> Iterator[Callable[[int], np.ndarray]]:
        """A function that gives blocks as `block` does, each overwritten by the next."""
        index = self._index
        with BlockReader(self._files) as reader:

            def read(height: int) -> np.ndarray:
                row = self._chain[height]
                return reader.read(index.numbers[row], index.offsets[row], index.sizes[row])

            yield read

    def undo(self, number: int) -> tuple[np.ndarray, dict[int, ByteRange]]:
        """An undo file's plain bytes (uint8), and the record of each of its blocks on the chain, by height.

        Raises:
            DamagedFile: one of these blocks has none, and there is a record that fits no block.
            MissingBlocks, UnreadableFile: as `undo_matching.match` and `BlockFiles.undo` name them.
        """
        data = self._files.undo(number)
        matches = undo_matching.match(self._index, number, data, self._is_on_chain)
        self._check_fit(number, matches)
        heights = self._index.heights
        return data, {heights[row]: record for row, record in matches.records.items() if self._is_on_chain(row)}

    def undo_records(self, number: int, heights: list[int]) -> Iterator[tuple[np.ndarray, list[ByteRange]]]:
        """The undo records of some of a file's blocks, in order of height: bytes, and the records in them.

        That of genesis is empty.

        Raises:
            MissingUndo: a block has no record.
            DamagedFile, MissingBlocks, UnreadableFile: see `undo`.
        """
        data, records = self.undo(number)
        for height in heights:
            if height and height not in records:
                raise MissingUndo(
                    f"{self.undo_file(number)} has no undo record of the block at height {height}: restore the file, or"
                    f" {self.repair}."
                )
            yield data, [records[height] if height else (0, 0)]

    def undo_records_in_order(self, number: int, heights: list[int]) -> Iterator[tuple[np.ndarray, list[ByteRange]]]:
        """As `undo_records`, faster: a piece of the file after the other, each overwritten by the next one.

        Raises:
            NotInOrder: `undo_records` must do it, from the first one on.
            MissingBlocks, UnreadableFile: see `undo`.
        """
        index = self._index
        rows = [row for row in index.rows_of(number) if index.heights[row] and self._is_read_from(number, row)]
        skipped = sum(1 for row in rows if index.heights[row] < heights[0])
        if heights[0] == 0:
            yield np.empty(0, dtype=np.uint8), [(0, 0)]
        for _, data, records in undo_in_order.pieces(index, number, rows):
            wanted = records[skipped:]
            skipped -= len(records) - len(wanted)
            if wanted:
                yield data, wanted

    def undo_file(self, number: int) -> Path:
        """Path of the undo file of that number, for messages."""
        return self._files.undo_file(number)

    def block_file(self, height: int) -> Path:
        """Path of the file of the block at `height`, for messages."""
        return self._files.block_file(self._index.numbers[self._chain[height]])

    @property
    def repair(self) -> str:
        """What mends the files, for messages."""
        return self._files.repair

    def _is_on_chain(self, row: int) -> bool:
        height = self._index.heights[row]
        return 0 <= height < len(self._chain) and self._chain[height] == row

    def _undo_number(self, row: int) -> int:
        return self._undo_numbers.get(row, self._index.numbers[row])

    def _is_read_from(self, number: int, row: int) -> bool:
        """Whether a block is on the chain, and its record is read from the undo file of that number."""
        return self._is_on_chain(row) and self._undo_number(row) == number

    def _files_with(self, height: int) -> list[int]:
        """Numbers of the files that have blocks of that height."""
        index = self._index
        return sorted({index.numbers[row] for row, each in enumerate(index.heights) if each == height} - {NOWHERE})

    def _files_that_may_have_lost_blocks(self) -> list[int]:
        """Numbers of the files that have no block, and of the last one."""
        numbers = self._files.numbers()
        return [number for number in numbers if number == numbers[-1] or not self._index.rows_of(number)]

    def _match(self, number: int) -> Matches:
        if number not in self._matches:
            try:
                self._matches[number] = undo_in_order.match(self._index, number)
            except NotInOrder:
                undo = self._files.undo(number)
                self._matches[number] = undo_matching.match(self._index, number, undo, self._is_on_chain)
        return self._matches[number]

    def _check_fit(self, number: int, matches: Matches) -> None:
        """Raise DamagedFile where a block of the chain has no record, and a record of its undo file fits no block."""
        index = self._index
        own = (row for row in index.rows_of(number) if self._is_read_from(number, row))
        if matches.misfit is not None and any(index.heights[row] and row not in matches.records for row in own):
            raise undo_matching.no_fit(index, number, matches)

    def _choose_copies(self) -> None:
        """Read blocks that stand in several places from one that is whole, and their undo from where there is one."""
        index = self._index
        for row in filter(self._is_on_chain, index.rows_with_copies()):
            places = index.places(row)
            with_undo = [place for place in places if row in self._match(place.number).records] or places
            whole = [place for place in with_undo + places if self._files.is_whole(*place)] or with_undo
            self._undo_numbers[row] = with_undo[0].number
            index.use(row, whole[0])

    def _lacks(self, height: int, above: int) -> MissingBlocks:
        """The error where the files lack the blocks from `height` on; `above` is the first that they have again."""
        if self._files.is_pruned:
            return MissingBlocks(
                f"{self._files.folder} has no block at height {height:,}, and the next one at {above:,}, as the node"
                f" has pruned it: begin with a UTXO --snapshot of height {above - 1:,} or later, in an empty --home, or"
                " use a node that keeps all blocks."
            )
        return MissingBlocks(
            f"{self._files.folder} has no block at height {height:,}, and the next one at {above:,}: restore the"
            f" missing or damaged blk file, or {self.repair}."
        )


def _in_background(first: int, base: int | None) -> str:
    until = "" if base is None else f" to {base:,}"
    return (
        f"The node began with a UTXO snapshot and still reads the blocks from height {first:,}{until}: run this again"
        " as it goes on, or begin in another --home with that --snapshot."
    )
