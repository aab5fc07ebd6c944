"""Compiled loops that add up coins by day and class of age.

They give what `int_onchain__ages_daily.sql` gives, which is their oracle. Days are numbered from the chain's first
birth, amounts are satoshi, closes and values 1e-8 dollars. Each loop returns whether it could add all up: other rows,
and larger sums, are left to SQL.
"""

import numpy as np
from numba import njit

SPENT_CELLS, SPENT, UNPRICED, REACHED_BIRTHS, REACHED, REACHED_UNPRICED = range(6)
"""Sums of 63 bits of each day and class: of how many cells and births they are, and of amounts."""
DESTROYED, COST, UNCERTAIN_COST, PROFIT, LOSS, REACHED_COST, REACHED_UNCERTAIN_COST = range(7)
"""Sums of amounts times a close or an age, as two limbs of 64 bits, the low one first. The amounts have 63 bits in all,
so that these have 126, which a decimal of 38 digits holds."""
NARROW, WIDE = 6, 7
NO_CLOSE, NO_DAY = -1, -2
"""Instead of the close of a day: it has none; no coins are valued by it."""
NONE_CREATED = -1
HALF = np.uint64(32)
LOW_HALF = np.uint64(2**32 - 1)


@njit(nogil=True, cache=True)
def add_product(totals, day, at, one, other):
    """Add the product of two numbers of 63 bits to the limbs of a day and class."""
    total = totals[day, at]
    a, b = np.uint64(one), np.uint64(other)
    inner = (a >> HALF) * (b & LOW_HALF) + ((a & LOW_HALF) * (b & LOW_HALF) >> HALF)
    outer = (a & LOW_HALF) * (b >> HALF) + (inner & LOW_HALF)
    low = total[0] + a * b
    total[1] += (a >> HALF) * (b >> HALF) + (inner >> HALF) + (outer >> HALF) + np.uint64(low < total[0])
    total[0] = low


@njit(nogil=True, cache=True)
def spend(spends, births, amounts, first, class_of, closes, is_uncertain, by_birth, narrow, wide):
    """Add cells of the coin flow.

    Args:
        spends, births: int32 [cell], days since 1970.
        amounts: int64 [cell], satoshi.
        first: the first of the days, since 1970.
        class_of: int32 [age in days], number of its class; of all ages that the days allow.
        closes: int64 [day], or NO_CLOSE or NO_DAY.
        is_uncertain: bool [day].
        by_birth: int64 [day of birth, class], added to.
        narrow: int64 [NARROW, day, class], added to.
        wide: uint64 [WIDE, day, class, limb], added to.
    """
    for n in range(len(amounts)):
        day, birth, amount = np.int64(spends[n]) - first, np.int64(births[n]) - first, amounts[n]
        if not 0 <= birth <= day < len(closes) or amount < 0:
            return False
        now, before = closes[day], closes[birth]
        if now == NO_DAY or before == NO_DAY:
            return False
        at = class_of[day - birth]
        narrow[SPENT_CELLS, day, at] += 1
        narrow[SPENT, day, at] += amount
        by_birth[birth, at] += amount
        if narrow[SPENT, day, at] < 0 or by_birth[birth, at] < 0:
            return False
        add_product(wide[DESTROYED], day, at, amount, day - birth)
        if before == NO_CLOSE:
            narrow[UNPRICED, day, at] += amount
        else:
            add_product(wide[COST], day, at, amount, before)
            if is_uncertain[birth]:
                add_product(wide[UNCERTAIN_COST], day, at, amount, before)
            if now > before:
                add_product(wide[PROFIT], day, at, amount, now - before)
            elif now != NO_CLOSE:
                add_product(wide[LOSS], day, at, amount, before - now)
    return True


@njit(nogil=True, cache=True)
def reach(created, ages, first, closes, is_uncertain, by_birth, narrow, wide):
    """Add the coins of each birth that are unspent when they reach a class of age.

    Args:
        created: int64 [day of birth], satoshi, or NONE_CREATED.
        ages: int64 [class], the first of each, in days.
        first: the chain's first day, for none is reached before it.
        by_birth: int64 [day of birth, class], satoshi that were spent.
        closes, is_uncertain, narrow, wide: as for `spend`.
    """
    for birth in range(len(created)):
        held = created[birth]
        if held == NONE_CREATED:
            continue
        close = closes[birth]
        if close == NO_DAY:
            return False
        for at in range(len(ages)):
            if birth + ages[at] >= len(created):
                break
            if at > 0:
                held -= by_birth[birth, at - 1]
            day = max(first, birth + ages[at])
            narrow[REACHED_BIRTHS, day, at] += 1
            narrow[REACHED, day, at] += held
            if held < 0 or narrow[REACHED, day, at] < 0:
                return False
            if close == NO_CLOSE:
                narrow[REACHED_UNPRICED, day, at] += held
            else:
                add_product(wide[REACHED_COST], day, at, held, close)
                if is_uncertain[birth]:
                    add_product(wide[REACHED_UNCERTAIN_COST], day, at, held, close)
    return True
