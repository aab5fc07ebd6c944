"""Compiled loops that match what holders of tokens send with what came to them before, first in, first out.

They give what `int_tokens__lots.sql` gives, which is their oracle. Days are numbered from 0 in their order, and have
four moments, 4 * day + MINTED, RECEIVED, SENT or BURNED. Amounts are two limbs of 64 bits, the low one first. Coins
sent before they came are owed: what comes next pays them, and they have no birth.
"""

import numpy as np
from numba import njit

MINTED, RECEIVED, SENT, BURNED = range(4)
WAYS = 3
"""Of a transfer: a mint, from one holder to another, or a burn."""
NOBODY = -1
NOTHING = -1

MOVE = np.dtype(
    [("sender", np.uint64), ("receiver", np.uint64), ("low", np.uint64), ("high", np.uint64), ("token", np.int32)],
    align=True,
)
NAME = np.dtype([("number", np.uint64), ("meaning", np.uint64), ("is_used", np.bool_)], align=True)
"""What a number stands for."""
TOKEN = np.dtype([("zero", np.uint64), ("end", np.int32)], align=True)
"""The number of the address that mints and burns, and the first day on which transfers do not count yet."""
HOLDER = np.dtype(
    [
        ("number", np.uint64),
        ("token", np.int32),  # or NOBODY
        ("first", np.int32),  # its oldest lot, or debt, or NOTHING
        ("last", np.int32),
        ("moment", np.int32),  # at which it last received or sent
        ("place", np.int32),  # among those who do at this moment
        ("owes", np.bool_),  # whether its lots are debts
        ("holds", np.bool_),  # whether it is counted as a holder
    ],
    align=True,
)
LOT = np.dtype([("low", np.uint64), ("high", np.uint64), ("moment", np.int32), ("next", np.int32)])
"""Coins of one day of birth, or owed since the moment at which they were sent; of a chain from the oldest on."""
SUM = np.dtype([("low", np.uint64), ("high", np.uint64), ("count", np.int64)])
"""The sum of amounts, and how many lots it is of."""
FREE, USED, KNOWN = range(3)
"""A store has its first free lot, or NOTHING, the number of places ever used for lots, and the number of holders."""


@njit(nogil=True, cache=True)
def slot(holders, number):
    """Where a holder stands in the table, or is to stand: the first place from its own on that is its or free."""
    mask = np.uint64(len(holders) - 1)
    at = np.int64(number & mask)
    while holders[at].token != NOBODY and holders[at].number != number:
        at = (at + 1) & np.int64(mask)
    return at


@njit(nogil=True, cache=True)
def look_up(names, number):
    """Where a number stands in a table of NAME, or is to stand."""
    mask = np.uint64(len(names) - 1)
    at = np.int64(number & mask)
    while names[at].is_used and names[at].number != number:
        at = (at + 1) & np.int64(mask)
    return at


@njit(nogil=True, cache=True)
def enter(names, numbers, meanings):
    """Fill a table of NAME, with room for more than these."""
    for n in range(len(numbers)):
        name = names[look_up(names, numbers[n])]
        name.number = numbers[n]
        name.meaning = meanings[n]
        name.is_used = True


@njit(nogil=True, cache=True)
def classify(keys, dates, sides, days, names, tokens, entities, counts):
    """Say of which day and way each transfer is, put entities for addresses, and count them.

    Args:
        keys: uint64, of tokens; set to their numbers.
        dates: int32, of transfers.
        sides: uint64 [2, transfer], numbers of senders and receivers; set to those of entities.
        days: (number of the first day of the piece, date of it, numbers of the days from this date on).
        names, entities: NAME of tokens and of addresses that belong to entities.
        tokens: TOKEN by its number.
        counts: int64 [WAYS * day of the piece + way], added to.

    Returns:
        WAYS * day of the piece + way of each transfer, or NOTHING where it does not count.
    """
    first, first_date, numbers = days
    ways = np.empty(len(keys), dtype=np.int32)
    for n in range(len(keys)):
        name = names[look_up(names, keys[n])]
        day = numbers[dates[n] - first_date]
        ways[n] = NOTHING
        if not name.is_used or first + day >= tokens[name.meaning].end:
            continue
        keys[n] = name.meaning
        zero = tokens[name.meaning].zero
        way = 0 if sides[0, n] == zero else 2 if sides[1, n] == zero else 1
        for side in range(2):
            entity = entities[look_up(entities, sides[side, n])]
            if entity.is_used:
                sides[side, n] = entity.meaning
        if sides[0, n] != sides[1, n]:
            ways[n] = WAYS * day + way
            counts[ways[n]] += 1
    return ways


@njit(nogil=True, cache=True)
def put_in_order(ways, tokens, sides, amounts, places, moves):
    """Set MOVE to the transfers that count, by day and way; see `classify`, which gives them.

    Args:
        places: where the next transfer of each way of each day goes, counted up.
    """
    for n in range(len(ways)):
        if ways[n] == NOTHING:
            continue
        move = moves[places[ways[n]]]
        places[ways[n]] += 1
        move.sender, move.receiver = sides[0, n], sides[1, n]
        move.low, move.high = amounts[n, 0], amounts[n, 1]
        move.token = tokens[n]


@njit(nogil=True, cache=True)
def share_of_moves(moves, ends, share, kept, kept_ends):
    """Put the transfers of a share's holders into others, and where they end; returns how many they are."""
    count = 0
    for group in range(len(ends) - 1):
        kept_ends[group] = count
        for n in range(ends[group], ends[group + 1]):
            if moves[n].sender & share[0] == share[1] or moves[n].receiver & share[0] == share[1]:
                kept[count] = moves[n]
                count += 1
    kept_ends[len(ends) - 1] = count
    return count


@njit(nogil=True, cache=True)
def move_holders(old, new):
    """Put all holders of a table into another, which is empty."""
    for at in range(len(old)):
        if old[at].token != NOBODY:
            new[slot(new, old[at].number)] = old[at]


@njit(nogil=True, cache=True)
def add(total, low, high):
    """Add an amount to a record's."""
    total.low += low
    total.high += high + np.uint64(total.low < low)


@njit(nogil=True, cache=True)
def take(total, low, high):
    """Take an amount from a record's, which is at least as large."""
    borrow = np.uint64(total.low < low)
    total.low -= low
    total.high -= high + borrow


@njit(nogil=True, cache=True)
def exceeds(lot, low, high):
    """Whether a record's amount is larger than another."""
    return lot.high > high or (lot.high == high and lot.low > low)


@njit(nogil=True, cache=True)
def gather(holders, store, share, moves, moment, received, busy, due, count):
    """Add up, by holder, the amounts that go one way at a moment.

    Args:
        holders: HOLDER by slot, with room for as many more as `moves`.
        share: (mask, bits): numbers that do not have these bits there are passed over.
        moves: MOVE, of those who receive or who send at the moment.
        received: SUM [token, (MINTED, RECEIVED)] of the day, added to; not at moments at which coins leave.
        busy: set to the slots of the holders.
        due: set to a SUM for each.
        count: how many are in both from an earlier moment, at which coins came on the same day.

    Returns:
        how many are in both.
    """
    way = moment % 4
    begin = moment - RECEIVED if way == RECEIVED else moment
    for n in range(len(moves)):
        move = moves[n]
        number = move.receiver if way <= RECEIVED else move.sender
        if number & share[0] != share[1]:
            continue
        at = slot(holders, number)
        holder = holders[at]
        if holder.token == NOBODY:
            holder.number = number
            holder.token = move.token
            holder.first = holder.last = NOTHING
            holder.moment = -1
            holder.owes = holder.holds = False
            store[KNOWN] += 1
        if holder.moment < begin:
            holder.place = count
            busy[count] = at
            due[count].low = due[count].high = 0
            count += 1
        if way <= RECEIVED:
            add(received[move.token, way], move.low, move.high)
            received[move.token, way].count += holder.moment < moment
        holder.moment = moment
        add(due[holder.place], move.low, move.high)
    return count


@njit(nogil=True, cache=True)
def append(holder, lots, store, low, high, moment):
    """Put an amount behind a holder's lots or debts."""
    at = store[FREE]
    if at == NOTHING:
        at = store[USED]
        store[USED] += 1
    else:
        store[FREE] = lots[at].next
    lots[at].low = low
    lots[at].high = high
    lots[at].moment = moment
    lots[at].next = NOTHING
    if holder.first == NOTHING:
        holder.first = at
    else:
        lots[holder.last].next = at
    holder.last = at


@njit(nogil=True, cache=True)
def drop_first(holder, lots, store):
    """Take away a holder's oldest lot or debt, and keep its place for another."""
    at = holder.first
    holder.first = lots[at].next
    lots[at].next = store[FREE]
    store[FREE] = at


@njit(nogil=True, cache=True)
def size_of(holders, lots, share):
    """How many holders of a share there are, and lots of theirs."""
    count = many = 0
    for at in range(len(holders)):
        if holders[at].token == NOBODY or holders[at].number & share[0] != share[1]:
            continue
        count += 1
        lot = holders[at].first
        while lot != NOTHING:
            many += 1
            lot = lots[lot].next
    return count, many


@njit(nogil=True, cache=True)
def share_of(holders, lots, share, kept, kept_lots, store):
    """Put the holders of a share, with their lots, into another table and store, which are empty."""
    for at in range(len(holders)):
        if holders[at].token == NOBODY or holders[at].number & share[0] != share[1]:
            continue
        new = slot(kept, holders[at].number)
        kept[new] = holders[at]
        kept[new].first = NOTHING
        store[KNOWN] += 1
        lot = holders[at].first
        while lot != NOTHING:
            append(kept[new], kept_lots, store, lots[lot].low, lots[lot].high, lots[lot].moment)
            lot = lots[lot].next


@njit(nogil=True, cache=True)
def note(cells, changed, count, at, low, high):
    """Add a lot to a cell; those that had none are noted as changed. Returns how many are."""
    if cells[at].count == 0:
        changed[count] = at
        count += 1
    add(cells[at], low, high)
    cells[at].count += 1
    return count


@njit(nogil=True, cache=True)
def receive(holders, lots, store, busy, due, day, unborn, newcomers):
    """What comes to each holder on a day pays what it owes, and is a lot for the rest.

    Args:
        busy, due: slots of the holders, and their amounts.
        unborn: SUM [token, day, (SENT, BURNED)] of coins without a birth, added to.
        newcomers: int64 [token, day, (change of the number of holders, changes)], added to.
    """
    for n in range(len(busy)):
        holder = holders[busy[n]]
        low, high = due[n].low, due[n].high
        if not holder.holds:
            holder.holds = True
            newcomers[holder.token, day, 0] += 1
            newcomers[holder.token, day, 1] += 1
        while holder.owes and (low | high) != 0:
            debt = lots[holder.first]
            sent = debt.moment // 4
            cell = unborn[holder.token, sent, debt.moment % 4 - SENT]
            cell.count += 1
            if exceeds(debt, low, high):
                add(cell, low, high)
                take(debt, low, high)
                low = high = np.uint64(0)
                continue
            add(cell, debt.low, debt.high)
            due[n].low, due[n].high = low, high
            take(due[n], debt.low, debt.high)
            low, high = due[n].low, due[n].high
            drop_first(holder, lots, store)
            holder.owes = holder.first != NOTHING
            if (low | high) == 0:
                # It had nothing from the day on which it sent exactly what has come by now.
                holder.holds = False
                newcomers[holder.token, sent, 0] -= 1
                newcomers[holder.token, sent, 1] += 1
        if (low | high) != 0:
            append(holder, lots, store, low, high, 4 * day)


@njit(nogil=True, cache=True)
def send(holders, lots, store, busy, due, moment, cells, changed, newcomers):
    """What each holder sends at a moment leaves its oldest lots; it owes what these do not have.

    Args:
        busy, due: slots of the holders, and their amounts.
        cells: SUM [token * days + day of birth], added to.
        changed: set to the places of the cells that were added to.
        newcomers: int64 [token, day, (change of the number of holders, changes)], added to.

    Returns:
        how many cells were.
    """
    count = 0
    days = newcomers.shape[1]
    for n in range(len(busy)):
        holder = holders[busy[n]]
        low, high = due[n].low, due[n].high
        while not holder.owes and holder.first != NOTHING and (low | high) != 0:
            lot = lots[holder.first]
            at = holder.token * days + lot.moment // 4
            if exceeds(lot, low, high):
                count = note(cells, changed, count, at, low, high)
                take(lot, low, high)
                low = high = np.uint64(0)
                continue
            count = note(cells, changed, count, at, lot.low, lot.high)
            due[n].low, due[n].high = low, high
            take(due[n], lot.low, lot.high)
            low, high = due[n].low, due[n].high
            drop_first(holder, lots, store)
        if (low | high) != 0:
            append(holder, lots, store, low, high, moment)
            holder.owes = True
        elif holder.first == NOTHING:
            holder.holds = False
            newcomers[holder.token, moment // 4, 0] -= 1
            newcomers[holder.token, moment // 4, 1] += 1
    return count


@njit(nogil=True, cache=True)
def flush(cells, changed):
    """The changed cells, which are empty afterwards."""
    found = np.empty(len(changed), dtype=cells.dtype)
    for n in range(len(changed)):
        found[n] = cells[changed[n]]
        cells[changed[n]].low = cells[changed[n]].high = 0
        cells[changed[n]].count = 0
    return found


@njit(nogil=True, cache=True)
def held(holders, lots, is_asked, begin, numbers, found):
    """Lots of holders of some tokens, from a slot on, until as many are found as there is room for.

    Args:
        is_asked: bool [token].
        numbers: set to the numbers of holders.
        found: set to their LOT, whose `next` is the token.

    Returns:
        (how many were found, the slot to go on with).
    """
    count = 0
    for at in range(begin, len(holders)):
        holder = holders[at]
        if holder.token == NOBODY or not is_asked[holder.token] or holder.owes:
            continue
        lot, length = holder.first, 0
        while lot != NOTHING:
            lot, length = lots[lot].next, length + 1
        if count + length > len(found):
            return count, at
        lot = holder.first
        while lot != NOTHING:
            numbers[count] = holder.number
            found[count] = lots[lot]
            found[count].next = holder.token
            count += 1
            lot = lots[lot].next
    return count, len(holders)


@njit(nogil=True, cache=True)
def write_off(holders, lots, unborn):
    """Add what is still owed to the coins without a birth, SUM [token, day, (SENT, BURNED)]."""
    for at in range(len(holders)):
        holder = holders[at]
        if holder.token == NOBODY or not holder.owes:
            continue
        debt = holder.first
        while debt != NOTHING:
            cell = unborn[holder.token, lots[debt].moment // 4, lots[debt].moment % 4 - SENT]
            add(cell, lots[debt].low, lots[debt].high)
            cell.count += 1
            debt = lots[debt].next
