"""What holders of tokens have and owe, day after day; see `compiled` for the rules and the units."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from orchestration.token_lots import compiled
from orchestration.token_lots.compiled import BURNED, HOLDER, LOT, MINTED, NOBODY, NOTHING, RECEIVED, SENT, SUM, WAYS

MOST_FULL = 0.6
"""Above it, a table of holders is doubled: a search takes too long."""

ROOM = 1 << 18
"""Lots that are handed out at once."""


class Piece(NamedTuple):
    """Transfers of the days from one to before another.

    Attributes:
        moves: MOVE by day and way.
        ends: where each of WAYS of each day begins, and the end of all.
    """

    begin: int
    end: int
    moves: np.ndarray
    ends: np.ndarray

    def by_day(self) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Numbers of the days, with their mints, transfers and burns."""
        for day in range(self.begin, self.end):
            at = WAYS * (day - self.begin)
            yield day, [self.moves[self.ends[way] : self.ends[way + 1]] for way in range(at, at + WAYS)]

    def of(self, share: "Share") -> "Piece":
        """The transfers of a share's holders."""
        moves, ends = np.empty_like(self.moves), np.empty_like(self.ends)
        count = compiled.share_of_moves(self.moves, self.ends, share.bits_of(), moves, ends)
        return Piece(self.begin, self.end, moves[:count], ends)


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
    """Holders whose numbers have some bits."""

    mask: int = 0
    bits: int = 0

    def halves(self) -> tuple["Share", "Share"]:
        """Those whose next bit is 0, and those whose is 1."""
        bit = 1 << 63 - self.mask.bit_count()
        return Share(self.mask | bit, self.bits), Share(self.mask | bit, self.bits | bit)

    def bits_of(self) -> np.ndarray:
        """As the compiled code takes it."""
        return np.array(self, dtype=np.uint64)


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


class Holders(NamedTuple):
    """What some holders have and owe: HOLDER by slot, LOT by place, and the counts of both (see `compiled`)."""

    table: np.ndarray
    lots: np.ndarray
    store: np.ndarray

    @classmethod
    def none(cls) -> "Holders":
        """Nobody yet."""
        return cls(_nobody(1 << 10), np.empty(1 << 10, dtype=LOT), np.array([NOTHING, 0, 0]))


class Matching:
    """Lots of a share of the holders, matched day by day.

    Args:
        totals: added to.
        share: of all holders.
        holders: of the share, so far.
    """

    def __init__(self, totals: Totals, share: Share, holders: Holders | None = None):
        self.share = share
        self._holders, self._lots, self._store = holders or Holders.none()
        self._totals = totals
        self._cells = np.zeros(totals.changes[:, :, 0].size, dtype=SUM)
        self._changed = np.empty(len(self._cells), dtype=np.int64)

    def is_larger_than(self, room: int) -> bool:
        """Whether what the holders have takes more bytes, and could be less if they were fewer."""
        return self._holders.nbytes + self._lots.nbytes > room and self._store[compiled.KNOWN] > 1

    def add(self, day: int, minted: np.ndarray, moved: np.ndarray, burned: np.ndarray) -> list[Lots]:
        """Take in a day's MOVE, later than all before; gives the coins that left holders who had them."""
        sides = len(minted) + len(moved) + len(burned)
        self._make_room(sides + len(moved))
        busy, due = np.empty(sides, dtype=np.int64), np.empty(sides, dtype=SUM)
        count = self._gather(minted, 4 * day + MINTED, busy, due)
        count = self._gather(moved, 4 * day + RECEIVED, busy, due, count)
        compiled.receive(
            *(self._holders, self._lots, self._store, busy[:count], due, day),
            *(self._totals.early, self._totals.changes),
        )
        return [self._send(moved, 4 * day + SENT, busy, due), self._send(burned, 4 * day + BURNED, busy, due)]

    def halve(self, put_off: Callable[[Share, Holders], None]) -> None:
        """Give half of the holders away, and keep the others."""
        self.share, other = self.share.halves()
        put_off(other, self._of(other))
        self._holders, self._lots, self._store = self._of(self.share)

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

    def _gather(self, moves: np.ndarray, moment: int, busy: np.ndarray, due: np.ndarray, count: int = 0) -> int:
        return compiled.gather(
            *(self._holders, self._store, self.share.bits_of(), moves, moment),
            *(self._totals.arrived[:, moment // 4], busy, due, count),
        )

    def _send(self, moves: np.ndarray, moment: int, busy: np.ndarray, due: np.ndarray) -> Lots:
        count = self._gather(moves, moment, busy, due)
        many = compiled.send(
            *(self._holders, self._lots, self._store, busy[:count], due, moment),
            *(self._cells, self._changed, self._totals.changes),
        )
        token, birth = np.divmod(self._changed[:many], self._totals.changes.shape[1])
        total = compiled.flush(self._cells, self._changed[:many])
        return Lots(token, np.full(many, moment), 4 * birth, total)

    def _of(self, share: Share) -> Holders:
        """What a share's holders have, in no more room than it takes."""
        count, many = compiled.size_of(self._holders, self._lots, share.bits_of())
        kept = Holders(_nobody(_slots(count)), np.empty(many, dtype=LOT), np.array([NOTHING, 0, 0]))
        compiled.share_of(self._holders, self._lots, share.bits_of(), *kept)
        return kept

    def _make_room(self, sides: int) -> None:
        """For as many new holders and lots as so many sides of transfers may bring."""
        used = int(self._store[compiled.USED])
        if used + sides > len(self._lots):
            self._lots.resize((used + sides) * 5 // 4, refcheck=False)  # in place, where a copy would be a second one
        known = int(self._store[compiled.KNOWN])
        if known + sides > MOST_FULL * len(self._holders):
            holders = _nobody(_slots(known + sides))
            compiled.move_holders(self._holders, holders)
            self._holders = holders


def _slots(count: int) -> int:
    return 1 << int(count / MOST_FULL).bit_length()


def _nobody(size: int) -> np.ndarray:
    holders = np.empty(size, dtype=HOLDER)
    holders["token"] = NOBODY
    return holders


def _filled(totals: np.ndarray, way: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Token, moment and total of all sums [token, day, two ways from this one on] that are of some lots."""
    token, day, at = np.nonzero(totals["count"])
    return token, 4 * day + at + way, totals[token, day, at]
