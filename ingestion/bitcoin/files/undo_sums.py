"""What the undo records of many blocks spent, summed by day in one compiled call; without the GIL."""

import numpy as np
from numba import njit

from ingestion.bitcoin.batches import CELLS, SCRIPT_CELLS
from ingestion.bitcoin.decode import AMOUNT, COINS, OK, fold_undo
from ingestion.bitcoin.signatures import COHORTS, SCRIPTS

# Columns of a block whose record is to be folded: undo[start:end], empty for genesis; after the last one of a day, or
# of a file, the sums become rows of its height.
BLOCK = ("height", "start", "end", "is_last")
CELL_COLUMNS, SCRIPT_COLUMNS = len(CELLS), len(SCRIPT_CELLS)
SCRIPT_CELLS_A_DAY = len(COHORTS) * len(SCRIPTS)
# A height, a version, an amount and a script, a byte each.
MIN_COIN_BYTES = 4


@njit(nogil=True, cache=True)
def fold_blocks(undo, blocks, day_of_height, cells, scripts, spent, totals, keyed=None):
    """Add the coins that blocks spent to the cells, and take the cells as rows where a day ends.

    Args:
        undo: plain bytes that the blocks' records are in.
        blocks: int64 [block, BLOCK], by height.
        day_of_height, cells, scripts, spent, keyed: as `decode.fold_undo` takes them; `cells`, `scripts` are zeros
            again once they are rows, `spent` and `keyed` are those of the last block.
        totals: int64 [block, 3], set as `decode.fold_undo` sets them.

    Returns:
        (OK or a key of decode.STATUS, blocks that were read without fault, rows of CELLS, rows of SCRIPT_CELLS).
    """
    # Room for a cell of each coin, and for what earlier calls left; memory is touched only as far as it is used.
    days = blocks[:, 3].sum()
    room = (blocks[:, 2] - blocks[:, 1]).sum() // MIN_COIN_BYTES + 2 * len(cells) if days else 0
    rows = np.empty((room, CELL_COLUMNS), dtype=np.int64)
    script_rows = np.empty((days * SCRIPT_CELLS_A_DAY, SCRIPT_COLUMNS), dtype=np.int64)
    taken, scripts_taken = 0, 0
    for n in range(len(blocks)):
        block = blocks[n]
        height, start, end, is_last = block[0], block[1], block[2], block[3]
        if start < end:
            status = fold_undo(undo, start, end, height, day_of_height, cells, scripts, spent, totals[n], keyed)
            if status != OK:
                return status, n, rows[:0].copy(), script_rows[:0].copy()
        if is_last:
            before = scripts_taken
            scripts_taken = take(scripts, height, script_rows, scripts_taken)
            if scripts_taken > before:
                taken = take(cells[: day_of_height[height] + 1], height, rows, taken)
    return OK, len(blocks), rows[:taken].copy(), script_rows[:scripts_taken].copy()


@njit(nogil=True, cache=True)
def take(cells, height, rows, count):
    """Write the cells that have coins as rows after `count` others, and set them to zero; how many rows there are then.

    Args:
        cells: int64 [key, key, (AMOUNT, COINS)].
        rows: int64 [row, (height, key, key, AMOUNT, COINS)].
    """
    for one in range(cells.shape[0]):
        for other in range(cells.shape[1]):
            cell = cells[one, other]
            if cell[COINS] > 0:
                row = rows[count]
                row[0], row[1], row[2], row[3], row[4] = height, one, other, cell[AMOUNT], cell[COINS]
                cell[AMOUNT], cell[COINS] = 0, 0
                count += 1
    return count
