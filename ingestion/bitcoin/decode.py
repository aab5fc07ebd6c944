"""Compiled loops that decode undo records and blocks and add their coins to the cells of a day; without the GIL.

Formats: Bitcoin Core's undo.h, compressor.h, serialize.h (VARINT and compact size) and BIP 144. Every read is checked
against the end of the record; a record that ends early gives a status, never a crash.
"""

import numpy as np
from numba import njit

COINBASE, TRANSFER = 0, 1
# Columns of a cell.
AMOUNT, COINS = 0, 1
# Columns of the outputs of a block, one row each for coinbase and transfers.
OUTPUTS, OUTPUT_SATS, UNSPENDABLE, UNSPENDABLE_SATS = 0, 1, 2, 3

OK, RUNS_OUT, NO_HEIGHT, LATE_HEIGHT, TOO_MUCH, LEFT_OVER = 0, 1, 2, 3, 4, 5
STATUS = {
    RUNS_OUT: "ends before its last coin",
    NO_HEIGHT: "has a coin without height, as Bitcoin Core wrote them before 0.15",
    LATE_HEIGHT: "spends a coin born in a later block",
    TOO_MUCH: "has an amount above 21 million coins",
    LEFT_OVER: "continues after its last coin",
}

HEADER_BYTES = 80
MAX_SATS = 2_100_000_000_000_000
MAX_SCRIPT_BYTES = 10_000
OP_RETURN = 0x6A
# The largest number in an undo record, a compressed amount, is below 2**55: one more digit is read up to here.
VARINT_LIMIT = 1 << 48
POWERS = np.array([10**n for n in range(10)], dtype=np.int64)


@njit(nogil=True, cache=True)
def fold_undo(undo, start, end, height, day_of_height, cells, totals):
    """Add the coins spent by the block at `height` to the cells of its day.

    Args:
        undo: plain bytes; the block's record is undo[start:end], without checksum.
        day_of_height: number of the UTC day by height, never falling, 0 for genesis; at least `height` + 1 long.
        cells: int64 [birth day, kind, (AMOUNT, COINS)], at least day_of_height[height] + 1 long; satoshi and coins.
        totals: int64 [3], set to transactions without the coinbase, coins, satoshi.

    Returns:
        OK, or a key of STATUS; `cells` then has a part of the record.
    """
    spends = 0
    amount = 0
    transactions, at = compact_size(undo, start, end)
    if at < 0:
        return RUNS_OUT
    for _ in range(transactions):
        coins, at = compact_size(undo, at, end)
        if at < 0:
            return RUNS_OUT
        for _ in range(coins):
            code, sats, at = coin(undo, at, end, True)
            if at < 0:
                return RUNS_OUT
            birth = code >> 1
            if birth == 0:
                return NO_HEIGHT
            if birth > height:
                return LATE_HEIGHT
            if sats < 0:
                return TOO_MUCH
            cell = cells[day_of_height[birth], TRANSFER - (code & 1)]
            cell[AMOUNT] += sats
            cell[COINS] += 1
            amount += sats
        spends += coins
    totals[0] = transactions
    totals[1] = spends
    totals[2] = amount
    return OK if at == end else LEFT_OVER


@njit(nogil=True, cache=True)
def read_block(block, outputs):
    """Add up the outputs of a serialised block (header first, with or without witnesses).

    Args:
        block: plain bytes of the whole block.
        outputs: int64 [(COINBASE, TRANSFER), (OUTPUTS, OUTPUT_SATS, UNSPENDABLE, UNSPENDABLE_SATS)], added to; the
            unspendable ones (OP_RETURN first, or a script above 10,000 bytes) are also among the outputs.

    Returns:
        (transactions, inputs without the coinbase's), or (-1, -1) where the bytes are not a block.
    """
    inputs = 0
    end = len(block)
    transactions, at = compact_size(block, HEADER_BYTES, end)
    if at < 0:
        return -1, -1
    for n in range(transactions):
        count, _, at = _transaction(block, at, end, outputs[min(n, TRANSFER)])
        if at < 0:
            return -1, -1
        if n > 0:
            inputs += count
    return (transactions, inputs) if at == end else (-1, -1)


@njit(nogil=True, cache=True)
def transactions(block, spans):
    """Where the transactions of a serialised block stand.

    Args:
        block: plain bytes of the whole block.
        spans: int64 [transaction, 4], set to where a transaction begins, its inputs begin, its outputs end and itself
            ends; what lies between but for the four bytes at either end are its witnesses and their mark.

    Returns:
        transactions, which may be more than `spans` has room for, or -1 where the bytes are not a block.
    """
    end = len(block)
    totals = np.zeros(4, dtype=np.int64)
    count, at = compact_size(block, HEADER_BYTES, end)
    if at < 0 or count > end:
        return -1
    for n in range(count):
        start = at
        has_witness = end - at > 6 and block[at + 4] == 0
        _, after_outputs, at = _transaction(block, at, end, totals)
        if at < 0:
            return -1
        if n < len(spans):
            spans[n, 0] = start
            spans[n, 1] = start + (6 if has_witness else 4)
            spans[n, 2] = after_outputs
            spans[n, 3] = at
    return count if at == end else -1


@njit(nogil=True, cache=True)
def belongs(block, undo, start, end, subsidy):
    """Whether an undo record can be a block's: inputs agree, and pay for the outputs, in every transaction.

    The checksum alone does not tell blocks of the same parent apart.

    Args:
        block: plain bytes of the whole block.
        undo: plain bytes; the record is undo[start:end].
        subsidy: satoshi that the block may create.
    """
    stop = len(block)
    totals = np.zeros(4, dtype=np.int64)
    _, at = compact_size(block, HEADER_BYTES, stop)
    records, place = compact_size(undo, start, end)
    if at < 0:
        return False
    _, _, at = _transaction(block, at, stop, totals)
    allowed = subsidy - totals[OUTPUT_SATS]
    for _ in range(records):
        if at < 0:
            return False
        totals[OUTPUT_SATS] = 0
        inputs, _, at = _transaction(block, at, stop, totals)
        coins, place = compact_size(undo, place, end)
        if at < 0 or place < 0 or coins != inputs:
            return False
        fee = -totals[OUTPUT_SATS]
        for _ in range(coins):
            _, sats, place = coin(undo, place, end, True)
            if place < 0:
                return False
            fee += sats
        if fee < 0:
            return False
        allowed += fee
    return at == stop and place == end and allowed >= 0


@njit(nogil=True, cache=True)
def decompress(code):
    """Satoshi from Core's compressed amount; -1 above 21 million coins."""
    if code == 0:
        return 0
    code -= 1
    power = POWERS[code % 10]
    code //= 10
    sats = (code // 9) * 10 + code % 9 + 1 if power < POWERS[9] else code + 1
    return sats * power if sats <= MAX_SATS // power else -1


@njit(nogil=True, cache=True)
def varint(data, at, end):
    """(number, position after it) of Core's VARINT; position -1 where it runs out or is above what a coin can have."""
    value = 0
    while at < end and value <= VARINT_LIMIT:
        byte = np.int64(data[at])
        at += 1
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, at
        value += 1
    return 0, -1


@njit(nogil=True, cache=True)
def coin(data, at, end, has_version):
    """(height * 2 + is coinbase, satoshi, position after the coin); position -1 where it runs out.

    Undo records have a byte for a version that is no longer written; the set of unspent coins has none.
    """
    code, at = varint(data, at, end)
    if at < 0:
        return 0, 0, -1
    if has_version and code > 1:
        _, at = varint(data, at, end)
        if at < 0:
            return 0, 0, -1
    amount, at = varint(data, at, end)
    if at < 0:
        return 0, 0, -1
    size, at = varint(data, at, end)
    if at < 0:
        return 0, 0, -1
    if size < 2:  # hash of a key or a script
        size = 20
    elif size < 6:  # a key, its parity in the type
        size = 32
    else:
        size -= 6
    if size > end - at:
        return 0, 0, -1
    return code, decompress(amount), at + size


@njit(nogil=True, cache=True)
def _transaction(block, at, end, totals):
    """(inputs, position after the outputs, position after the transaction), its outputs added to `totals`.

    Position -1 where it runs out; it may be up to four bytes past the end.
    """
    has_witness = end - at > 6 and block[at + 4] == 0
    if has_witness and block[at + 5] != 1:
        return 0, -1, -1
    inputs, at = compact_size(block, at + (6 if has_witness else 4), end)
    if at < 0:
        return 0, -1, -1
    for _ in range(inputs):
        at = _skip(block, at + 36, end)
        if at < 0:
            return 0, -1, -1
        at += 4
    outputs, at = compact_size(block, at, end)
    if at < 0:
        return 0, -1, -1
    for _ in range(outputs):
        script, stop = compact_size(block, at + 8, end)
        if stop < 0 or script > end - stop:
            return 0, -1, -1
        sats = _little_endian(block, at, 8)
        totals[OUTPUTS] += 1
        totals[OUTPUT_SATS] += sats
        if script > MAX_SCRIPT_BYTES or (script > 0 and block[stop] == OP_RETURN):
            totals[UNSPENDABLE] += 1
            totals[UNSPENDABLE_SATS] += sats
        at = stop + script
    after_outputs = at
    if has_witness:
        for _ in range(inputs):
            items, at = compact_size(block, at, end)
            if at < 0:
                return 0, -1, -1
            for _ in range(items):
                at = _skip(block, at, end)
                if at < 0:
                    return 0, -1, -1
    return inputs, after_outputs, at + 4


@njit(nogil=True, cache=True)
def _skip(data, at, end):
    """Position after bytes that begin with their length; -1 where they run out."""
    size, at = compact_size(data, at, end)
    return at + size if at >= 0 and size <= end - at else -1


@njit(nogil=True, cache=True)
def compact_size(data, at, end):
    """(number, position after it); position -1 where it runs out. A number above 2**63 runs out of any record."""
    if at >= end:
        return 0, -1
    first = np.int64(data[at])
    if first < 253:
        return first, at + 1
    width = 1 << (first - 252)
    if width >= end - at:
        return 0, -1
    value = _little_endian(data, at + 1, width)
    return (value, at + 1 + width) if value >= 0 else (0, -1)


@njit(nogil=True, cache=True)
def _little_endian(data, at, width):
    value = 0
    for n in range(width):
        value |= np.int64(data[at + n]) << (8 * n)
    return value
