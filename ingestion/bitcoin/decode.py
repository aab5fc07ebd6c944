"""Compiled loops that decode undo records and blocks and add their coins to the cells of a day; without the GIL.

Formats: Bitcoin Core's undo.h, compressor.h, serialize.h (VARINT and compact size) and BIP 144. Every read is checked
against the end of the record; a record that ends early gives a status, never a crash.

What is called for each coin is inlined by force: the compiler would call it, and hand its numbers on through memory,
which takes a fifth of the 25 ns a coin. A whole number loaded at once instead of byte by byte was not faster.
"""

import numpy as np
from numba import njit

from ingestion.bitcoin.signatures import (
    LONG,
    LONG_TERM_DAYS,
    OTHER,
    P2PK,
    P2PKH,
    P2SH,
    P2TR,
    P2WPKH,
    P2WSH,
    SHORT,
    SPENT_COINS,
    SPENT_LTH_SATS,
    SPENT_SATS,
    SPENT_SCRIPTS,
    add,
    script_type,
    signature,
)
from ingestion.bitcoin.watching import STORED_RAW, key, note, stored_key

COINBASE, TRANSFER = 0, 1
# Columns of a cell.
AMOUNT, COINS = 0, 1
# Columns of the outputs of a block, one row each for coinbase and transfers.
OUTPUTS, OUTPUT_SATS, UNSPENDABLE, UNSPENDABLE_SATS = 0, 1, 2, 3
# The same of one transaction, and the script types of its outputs that can be spent, a bit each.
OUTPUT_SCRIPTS = 4
OUTPUT_COLUMNS = 5

OK, RUNS_OUT, NO_HEIGHT, LATE_HEIGHT, TOO_MUCH, LEFT_OVER, TOO_MANY = 0, 1, 2, 3, 4, 5, 6
STATUS = {
    RUNS_OUT: "ends before its last coin",
    NO_HEIGHT: "has a coin without height, as Bitcoin Core wrote them before 0.15",
    LATE_HEIGHT: "spends a coin born in a later block",
    TOO_MUCH: "has an amount above 21 million coins",
    LEFT_OVER: "continues after its last coin",
    TOO_MANY: "has more transactions than fit in a block",
}

HEADER_BYTES = 80
MAX_SATS = 2_100_000_000_000_000
MAX_SCRIPT_BYTES = 10_000
OP_RETURN = 0x6A
# The largest number in an undo record, a compressed amount, is below 2**55: one more digit is read up to here.
VARINT_LIMIT = 1 << 48
POWERS = np.array([10**n for n in range(10)], dtype=np.int64)
LIMITS = MAX_SATS // POWERS
# Bytes after each number that stands before a compressed script, and the script's type: -1 where its bytes must tell.
# Branching instead costs 10 ns a coin, for nobody can predict them.
STORED_P2WPKH, STORED_P2WSH_OR_P2TR = 28, 40
STORED_BYTES = np.array([20, 20, 32, 32, 32, 32, *range(35)], dtype=np.int64)
STORED_TYPES = np.full(len(STORED_BYTES), -1, dtype=np.int64)
STORED_TYPES[:6] = P2PKH, P2SH, P2PK, P2PK, P2PK, P2PK
STORED_TYPES[[STORED_P2WPKH, STORED_P2WSH_OR_P2TR]] = P2WPKH, P2WSH
OP_1 = 0x51


@njit(nogil=True, cache=True)
def fold_undo(undo, start, end, height, day_of_height, cells, scripts, spent, totals, keyed=None):
    """Add the coins spent by the block at `height` to the cells of its day, and say what each transaction spent.

    Where nothing is watched, `keyed` is None, and what is compiled writes no keys.

    Args:
        undo: plain bytes; the block's record is undo[start:end], without checksum.
        day_of_height: number of the UTC day by height, never falling, 0 for genesis; at least `height` + 1 long.
        cells: int64 [birth day, kind, (AMOUNT, COINS)], at least day_of_height[height] + 1 long; satoshi and coins.
        scripts: int64 [(LONG, SHORT), script type, (AMOUNT, COINS)], added to as the cells are.
        spent: int64 [transaction without the coinbase, SPENT], set.
        totals: int64 [3], set to transactions without the coinbase, coins, satoshi.
        keyed: as `watching.Search` has it, set to the coins spent.

    Returns:
        OK, or a key of STATUS; `cells` and `scripts` then have a part of the record.
    """
    spends = 0
    amount = 0
    last_long_day = day_of_height[height] - LONG_TERM_DAYS
    noted = 0
    transactions, at = compact_size(undo, start, end)
    if at < 0:
        return RUNS_OUT
    if transactions > len(spent):
        return TOO_MANY
    for n in range(transactions):
        coins, at = compact_size(undo, at, end)
        if at < 0:
            return RUNS_OUT
        spent_sats = 0
        long_sats = 0
        spent_scripts = 0
        for _ in range(coins):
            code, sats, script, at, stored, size = coin(undo, at, end, True)
            if at < 0:
                return RUNS_OUT
            birth = code >> 1
            if birth == 0:
                return NO_HEIGHT
            if birth > height:
                return LATE_HEIGHT
            if sats < 0:
                return TOO_MUCH
            birth_day = day_of_height[np.uintp(birth)]
            cell = cells[np.uintp(birth_day), np.uintp(TRANSFER - (code & 1))]
            cell[AMOUNT] += sats
            cell[COINS] += 1
            cohort = SHORT
            if birth_day <= last_long_day:
                cohort = LONG
                long_sats += sats
            of_script = scripts[np.uintp(cohort), np.uintp(script)]
            of_script[AMOUNT] += sats
            of_script[COINS] += 1
            spent_sats += sats
            spent_scripts |= 1 << script
            if keyed is not None:
                of_script = stored_key(undo, at - size, stored, size)
                noted = note(keyed, noted, of_script, n + 1, sats, at - size, size, stored)
        spent[n, SPENT_COINS] = coins
        spent[n, SPENT_SATS] = spent_sats
        spent[n, SPENT_LTH_SATS] = long_sats
        spent[n, SPENT_SCRIPTS] = spent_scripts
        amount += spent_sats
        spends += coins
    totals[0] = transactions
    totals[1] = spends
    totals[2] = amount
    if keyed is not None:
        keyed[0, 0] = noted
    return OK if at == end else LEFT_OVER


@njit(nogil=True, cache=True)
def read_block(block, spent, outputs, sums, large, keyed=None):
    """Add up the outputs of a serialised block (header first, with or without witnesses), and its signatures.

    Args:
        block: plain bytes of the whole block.
        spent: what its transactions spend, as `fold_undo` sets it.
        outputs: int64 [(COINBASE, TRANSFER), (OUTPUTS, OUTPUT_SATS, UNSPENDABLE, UNSPENDABLE_SATS)], added to; the
            unspendable ones (OP_RETURN first, or a script above 10,000 bytes) are also among the outputs.
        sums: int64 [SIGNATURES, SUMS] of transactions that spend long-term coins, added to.
        large: int64 [MAX_LARGE, LARGE], set for the large ones among them.
        keyed: as `fold_undo` takes it, set to the coins made.

    Returns:
        (transactions, inputs without the coinbase's, large transactions); (-1, -1, 0) where the bytes are not a block.
    """
    inputs = 0
    listed = 0
    end = len(block)
    if keyed is not None:
        keyed[0, 0] = 0
    totals = np.zeros(OUTPUT_COLUMNS, dtype=np.int64)
    transactions, at = compact_size(block, HEADER_BYTES, end)
    if at < 0 or transactions > len(spent):
        return -1, -1, 0
    for n in range(transactions):
        start = at
        totals[:] = 0
        is_signed = n > 0 and spent[n - 1, SPENT_LTH_SATS] > 0
        count, after_outputs, at = _transaction(block, at, end, totals, is_signed, n, keyed)
        if at < 0:
            return -1, -1, 0
        of_kind = outputs[min(n, TRANSFER)]
        for column in range(OUTPUT_SCRIPTS):
            of_kind[column] += totals[column]
        if n == 0:
            continue
        inputs += count
        if not is_signed:
            continue
        each = spent[n - 1]
        spendable = totals[OUTPUTS] - totals[UNSPENDABLE]
        kind = signature(count, spendable, each[SPENT_SCRIPTS], totals[OUTPUT_SCRIPTS])
        if add(sums, kind, each[SPENT_SATS], each[SPENT_LTH_SATS]) and listed < len(large):
            row = large[listed]
            row[0], row[1], row[2] = kind, count, spendable
            row[3], row[4] = each[SPENT_SATS], each[SPENT_LTH_SATS]
            row[5], row[6] = each[SPENT_SCRIPTS], totals[OUTPUT_SCRIPTS]
            row[7], row[8], row[9], row[10] = start, inputs_start(block, start, end), after_outputs, at
            listed += 1
    return (transactions, inputs, listed) if at == end else (-1, -1, 0)


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
    totals = np.zeros(OUTPUT_COLUMNS, dtype=np.int64)
    count, at = compact_size(block, HEADER_BYTES, end)
    if at < 0 or count > end:
        return -1
    for n in range(count):
        start = at
        _, after_outputs, at = _transaction(block, at, end, totals, False, 0, None)
        if at < 0:
            return -1
        if n < len(spans):
            spans[n, 0] = start
            spans[n, 1] = inputs_start(block, start, end)
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
    totals = np.zeros(OUTPUT_COLUMNS, dtype=np.int64)
    _, at = compact_size(block, HEADER_BYTES, stop)
    records, place = compact_size(undo, start, end)
    if at < 0:
        return False
    _, _, at = _transaction(block, at, stop, totals, False, 0, None)
    allowed = subsidy - totals[OUTPUT_SATS]
    for _ in range(records):
        if at < 0:
            return False
        totals[OUTPUT_SATS] = 0
        inputs, _, at = _transaction(block, at, stop, totals, False, 0, None)
        coins, place = compact_size(undo, place, end)
        if at < 0 or place < 0 or coins != inputs:
            return False
        fee = -totals[OUTPUT_SATS]
        for _ in range(coins):
            _, sats, _, place, _, _ = coin(undo, place, end, True)
            if place < 0:
                return False
            fee += sats
        if fee < 0:
            return False
        allowed += fee
    return at == stop and place == end and allowed >= 0


@njit(nogil=True, cache=True, forceinline=True)
def decompress(code):
    """Satoshi from Core's compressed amount; -1 above 21 million coins."""
    if code == 0:
        return 0
    code -= 1
    # Unsigned divisions, once each, take half the time of `//` and `%`.
    tenth = np.int64(np.uint64(code) // np.uint64(10))
    zeros = code - tenth * 10
    ninth = np.int64(np.uint64(tenth) // np.uint64(9))
    sats = ninth * 10 + (tenth - ninth * 9) + 1 if zeros < 9 else tenth + 1
    return sats * POWERS[zeros] if sats <= LIMITS[zeros] else -1


@njit(nogil=True, cache=True, forceinline=True)
def varint(data, at, end):
    """(number, position after it) of Core's VARINT; position -1 where it runs out or is above what a coin can have."""
    value = 0
    while at < end and value <= VARINT_LIMIT:
        byte = _byte(data, at)
        at += 1
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, at
        value += 1
    return 0, -1


@njit(nogil=True, cache=True, forceinline=True)
def coin(data, at, end, has_version):
    """(height * 2 + is coinbase, satoshi, script type, position after the coin, number before its script, its bytes).

    The position is -1 where it runs out.

    Undo records have a byte for a version that is no longer written; the set of unspent coins has none.
    """
    code, at = varint(data, at, end)
    if at < 0:
        return 0, 0, 0, -1, 0, 0
    if has_version and code > 1:
        _, at = varint(data, at, end)
        if at < 0:
            return 0, 0, 0, -1, 0, 0
    amount, at = varint(data, at, end)
    if at < 0:
        return 0, 0, 0, -1, 0, 0
    stored, at = varint(data, at, end)
    if at < 0:
        return 0, 0, 0, -1, 0, 0
    size = stored - 6
    script = -1
    if stored < len(STORED_BYTES):
        size = STORED_BYTES[np.uintp(stored)]
        script = STORED_TYPES[np.uintp(stored)]
    if size > end - at:
        return 0, 0, 0, -1, 0, 0
    script = script_type(data, at, size) if script < 0 else _checked(data, at, stored, script)
    return code, decompress(amount), script, at + size, stored, size


@njit(nogil=True, cache=True, forceinline=True)
def _checked(data, at, stored, script):
    """The type of a script that is told from the number before it, its first two bytes looked at without branching."""
    first = _byte(data, at)
    is_32 = np.int64(stored == STORED_P2WSH_OR_P2TR)
    is_taproot = is_32 & np.int64(first == OP_1)
    is_another = np.int64(_byte(data, at + 1) != stored - 8) | np.int64(first != is_taproot * OP_1)
    return OTHER if np.int64(stored >= STORED_P2WPKH) & is_another else script + is_taproot * (P2TR - P2WSH)


@njit(nogil=True, cache=True)
def _transaction(block, at, end, totals, with_scripts, n, keyed):
    """(inputs, position after the outputs, position after the transaction), its outputs added to `totals`, int64 [5].

    They are written down as of transaction `n` where that is wanted.

    Their script types are set only where they are asked for. Position -1 where it runs out; it may be up to four bytes
    past the end.
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
    output_sats = 0
    scripts = 0
    made = 0
    if keyed is not None:
        made = keyed[0, 0]
    for _ in range(outputs):
        script, stop = compact_size(block, at + 8, end)
        if stop < 0 or script > end - stop:
            return 0, -1, -1
        sats = _little_endian(block, at, 8)
        output_sats += sats
        if script > MAX_SCRIPT_BYTES or (script > 0 and block[stop] == OP_RETURN):
            totals[UNSPENDABLE] += 1
            totals[UNSPENDABLE_SATS] += sats
        elif with_scripts:
            scripts |= 1 << script_type(block, stop, script)
        if keyed is not None:
            made = note(keyed, made, key(block, stop, script), n, sats, stop, script, STORED_RAW)
        at = stop + script
    if keyed is not None:
        keyed[0, 0] = made
    totals[OUTPUTS] += outputs
    totals[OUTPUT_SATS] += output_sats
    totals[OUTPUT_SCRIPTS] |= scripts
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
def inputs_start(block, at, end):
    """Position of the inputs' number in the transaction that begins at `at`, after the mark of witnesses if any."""
    return at + (6 if end - at > 6 and block[at + 4] == 0 else 4)


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
    first = _byte(data, at)
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
        value |= _byte(data, at + n) << (8 * n)
    return value


@njit(nogil=True, cache=True)
def _byte(data, at):
    """The byte at a position, which is never negative.

    An index without a sign spares the question whether it counts from the end, and then loads of neighbours become
    one: bodies are read in 24 ns a coin instead of 60.
    """
    return np.int64(data[np.uintp(at)])
