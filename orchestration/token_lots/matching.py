"""What holders of tokens have and owe, day after day; see `compiled` for the rules and the units."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from orchestration.token_lots import compiled
from orchestration.token_lots.compiled import BURNED, HOLDER, LOT, MINTED, NOBODY, NOTHING, RECEIVED, SENT, SUM

MOST_FULL = 0.6
"""Above it, a table of holders is doubled: a search takes too long."""

ROOM = 1 << 18
"""Lots that are handed out at once."""


class Moves(NamedTuple):
    """Transfers of one way and day: numbers of tokens (int32) and of both holders (uint64), two limbs of amounts."""

    token: np.ndarray
    sender: np.ndarray
    receiver: np.ndarray
    amount: np.ndarray


class Lots(NamedTuple):
    """Coins of tokens that came or left at a moment, by their moment of birth, or how many holders came or went then.

    Attributes:
        birth: NOTHING where coins left before they came.
        total: SUM.
        holder: number of the one who has them.
        new_holders: the change of the number of holders.
    """

    token: np.ndarray
    moment: np.ndarray
    birth: np.ndarray
    total: np.ndarray | None = None
    holder: np.ndarray | None = None
    new_holders: np.ndarray | None = None


class Share(NamedTuple):
    """Holders whose numbers have some bits, and the day from which on they are new: the days before it are repeated."""

    mask: int = 0
    bits: int = 0
    since: int = 0

    def halves(self, day: int) -> tuple["Share", "Share"]:
        """One half, and the other, which is to be repeated up to a day."""
        bit = 1 << 63 - self.mask.bit_count()
        return (
            Share(self.mask | bit, self.bits, self.since),
            Share(self.mask | bit, self.bits | bit, max(day, self.since)),
        )


class Totals:
    """What is told at the end, of the holders of all shares: coins that came, that left before they came, newcomers."""

    def __init__(self, tokens: int, days: int):
        self.arrived = np.zeros((tokens, days, 2), dtype=SUM)
        self.early = np.zeros((tokens, days, 2), dtype=SUM)
        self.changes = np.zeros((tokens, days, 2), dtype=np.int64)

    def received(self) -> Lots:
        """All coins that came to holders."""
        token, moment, total = _filled(self.arrived, MINTED)
        return Lots(token, moment, moment, total)

    def unborn(self) -> Lots:
        """All coins that left holders before they came."""
        token, moment, total = _filled(self.early, SENT)
        return Lots(token, moment, np.full(len(token), NOTHING), total)

    def newcomers(self) -> Lots:
        """By how much the number of holders changed on all days on which some came or went."""
        token, day = np.nonzero(self.changes[:, :, 1])
        return Lots(token, 4 * day, np.full(len(day), NOTHING), new_holders=self.changes[token, day, 0])


class Matching:
    """Lots of a share of the holders, matched day by day.

    Args:
        totals: added to, from the share's day on.
        share: of all holders.
    """

    def __init__(self, totals: Totals, share: Share):
        self.share = share
        self._holders = _nobody(1 << 10)
        self._lots = np.empty(1 << 10, dtype=LOT)
        self._store = np.array([NOTHING, 0, 0], dtype=np.int64)
        self._totals = totals
        self._repeated = Totals(*totals.changes.shape[:2]) if share.since else totals
        self._cells = np.zeros(totals.changes[:, :, 0].size, dtype=SUM)
        self._changed = np.empty(len(self._cells), dtype=np.int64)

    def is_larger_than(self, room: int) -> bool:
        """Whether what the holders have takes more bytes, and could be less if they were fewer."""
        return self._holders.nbytes + self._lots.nbytes > room and self._store[compiled.KNOWN] > 1

    def add(self, day: int, minted: Moves, moved: Moves, burned: Moves) -> list[Lots]:
        """Take in a day's transfers, later than all before; gives the coins that left holders who had them."""
        sides = len(minted.token) + len(moved.token) + len(burned.token)
        self._make_room(sides + len(moved.token))
        busy, due = np.empty(sides, dtype=np.int64), np.empty(sides, dtype=SUM)
        totals = self._totals_of(day)
        count = self._gather(minted, minted.receiver, 4 * day + MINTED, busy, due)
        count = self._gather(moved, moved.receiver, 4 * day + RECEIVED, busy, due, count)
        compiled.receive(
            *(self._holders, self._lots, self._store, busy[:count], due, day, totals.early, totals.changes)
        )
        left = [self._send(moved, 4 * day + SENT, busy, due), self._send(burned, 4 * day + BURNED, busy, due)]
        return left if day >= self.share.since else [_no_lots()]

    def halve(self, day: int) -> Share:
        """Forget half of the holders before a day; gives the share that has these."""
        self.share, other = self.share.halves(day)
        holders, lots, store = _nobody(len(self._holders)), np.empty_like(self._lots), np.array([NOTHING, 0, 0])
        compiled.share_of(self._holders, self._lots, self._bits(), holders, lots, store)
        self._holders, self._lots, self._store = holders, lots[: store[compiled.USED]].copy(), store
        self._fit_holders(0)
        return other

    def finish(self) -> None:
        """What is still owed never came."""
        compiled.write_off(self._holders, self._lots, self._totals.early)

    def left(self, tokens: Sequence[int]) -> Iterator[Lots]:
        """What holders of these tokens have by now, in pieces of about ROOM lots."""
        is_asked = np.zeros(len(self._totals.changes), dtype=np.bool_)
        is_asked[list(tokens)] = True
        room = max(ROOM, self._totals.changes.shape[1])
        begin = 0
        while begin < len(self._holders):
            numbers, found = np.empty(room, dtype=np.uint64), np.empty(room, dtype=LOT)
            count, begin = compiled.held(self._holders, self._lots, is_asked, begin, numbers, found)
            total = np.ones(count, dtype=SUM)
            total["low"], total["high"] = found["low"][:count], found["high"][:count]
            moment = found["moment"][:count]
            yield Lots(found["next"][:count], moment, moment, total, numbers[:count])

    def _gather(
        self, moves: Moves, numbers: np.ndarray, moment: int, busy: np.ndarray, due: np.ndarray, count: int = 0
    ) -> int:
        return compiled.gather(
            *(self._holders, self._store, self._bits(), numbers, moves.token, moves.amount, moment),
            *(self._totals_of(moment // 4).arrived[:, moment // 4], busy, due, count),
        )

    def _send(self, moves: Moves, moment: int, busy: np.ndarray, due: np.ndarray) -> Lots:
        count = self._gather(moves, moves.sender, moment, busy, due)
        many = compiled.send(
            *(self._holders, self._lots, self._store, busy[:count], due, moment),
            *(self._cells, self._changed, self._totals_of(moment // 4).changes),
        )
        token, birth = np.divmod(self._changed[:many], self._totals.changes.shape[1])
        total = compiled.flush(self._cells, self._changed[:many])
        return Lots(token, np.full(many, moment), 4 * birth, total)

    def _make_room(self, sides: int) -> None:
        """For as many new holders and lots as so many sides of transfers may bring."""
        used = self._store[compiled.USED]
        if used + sides > len(self._lots):
            lots = np.empty((used + sides) * 3 // 2, dtype=LOT)
            lots[:used] = self._lots[:used]
            self._lots = lots
        if self._store[compiled.KNOWN] + sides > MOST_FULL * len(self._holders):
            self._fit_holders(sides)

    def _fit_holders(self, more: int) -> None:
        holders = _nobody(1 << int((self._store[compiled.KNOWN] + more) / MOST_FULL).bit_length())
        compiled.move_holders(self._holders, holders)
        self._holders = holders

    def _bits(self) -> np.ndarray:
        return np.array(self.share[:2], dtype=np.uint64)

    def _totals_of(self, day: int) -> Totals:
        return self._totals if day >= self.share.since else self._repeated


def _no_lots() -> Lots:
    none = np.empty(0, dtype=np.int64)
    return Lots(none, none, none, np.empty(0, dtype=SUM))


def _nobody(size: int) -> np.ndarray:
    holders = np.empty(size, dtype=HOLDER)
    holders["token"] = NOBODY
    return holders


def _filled(totals: np.ndarray, way: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Token, moment and total of all sums [token, day, two ways from this one on] that are of some lots."""
    token, day, at = np.nonzero(totals["count"])
    return token, 4 * day + at + way, totals[token, day, at]
