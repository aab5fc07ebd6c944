"""Moves inside one owner in plain Python, a day after the other: what is adjusted for, and what is out of the usual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

DAY = timedelta(days=1)
NONE = Decimal(0)


@dataclass(frozen=True)
class Move:
    """One day of a move; `continues` names the move whose coins move again."""

    move_id: str
    day: date
    low: Decimal
    high: Decimal
    kind: str = "same_owner"
    continues: str | None = None

    @property
    def is_adjusted_for(self) -> bool:
        return self.kind in ("same_owner", "custodian_change")


def as_moves(rows: Sequence[Mapping]) -> list[Move]:
    """The moves of rows of the seed."""
    return [
        Move(
            row["move_id"],
            date.fromisoformat(str(row["move_date"])),
            Decimal(str(row["lth_low_native"])),
            Decimal(str(row["lth_high_native"])),
            row["kind"],
            row["continues_move_id"],
        )
        for row in rows
    ]


@dataclass(repr=False)
class Node:
    """What a node knows of the coins of some days: how many were born, and how many of them were spent when."""

    created: Mapping[date, Decimal]
    spent: Mapping[tuple[date, date], Decimal]
    """By day of birth and day spent."""

    def remaining(self, birth: date, day: date) -> Decimal:
        """Coins of a day of birth that are left at the end of a day."""
        return self.created[birth] - sum(
            (coins for (born, spent), coins in self.spent.items() if born == birth and spent <= day), NONE
        )


@dataclass
class Parcel:
    """Coins of one move that came in on one day, less those that moved again."""

    move_id: str
    day: date
    entered: Decimal
    left: Decimal


@dataclass
class Day:
    """Coins inside at the day's end, and those that came, left early, and left because they are long-term again."""

    inside: Decimal = NONE
    moved: Decimal = NONE
    moved_again: Decimal = NONE
    aged: Decimal = NONE


@dataclass
class Inside:
    """The coins inside one owner in one scenario, day by day.

    Attributes:
        age: the day on which moved coins are long-term again, counted from the move.
        is_high: whether the scenario is that of the high bounds.
        spent: what long-term holders spent, by day; days that are not known are absent.
        node: what a node knows, if there is one.
    """

    age: int
    is_high: bool
    spent: Mapping[date, Decimal] = field(default_factory=dict)
    node: Node | None = None
    parcels: list[Parcel] = field(default_factory=list)
    held: dict[date, Decimal] = field(default_factory=dict)

    def days(self, moves: Sequence[Move]) -> dict[date, Day]:
        """Every day from the first move to the last on which anything may be inside."""
        if not moves:
            return {}
        first, last = min(move.day for move in moves), max(move.day for move in moves) + self.age * DAY
        return {
            day: self._pass(day, sorted((move for move in moves if move.day == day), key=lambda move: move.move_id))
            for day in (first + number * DAY for number in range((last - first).days + 1))
        }

    def _pass(self, day: date, moves: Sequence[Move]) -> Day:
        found = Day(aged=self.held.pop(day - self.age * DAY, NONE))
        self.parcels = [parcel for parcel in self.parcels if parcel.day + self.age * DAY > day]
        entering = self._entering(moves)
        for move in moves:
            self._continue(move, entering)
        self.parcels += [Parcel(move.move_id, day, entered, entered) for move, entered in entering]
        found.moved = sum((entered for _, entered in entering), NONE)
        if entering:
            self.held[day] = found.moved
        for birth, before in self.held.items():
            self.held[birth] = self._survivors(birth, day)
            found.moved_again += before - self.held[birth]
        found.inside = sum(self.held.values(), NONE)
        return found

    def _entering(self, moves: Sequence[Move]) -> list[tuple[Move, Decimal]]:
        """What each move of a day brings; the high bounds of new ones share what was spent beyond the low ones."""
        adjusted = [move for move in moves if move.is_adjusted_for]
        if not self.is_high:
            return [(move, move.low) for move in adjusted]
        begun = [move for move in adjusted if not move.continues]
        room = (
            self.spent[moves[0].day] - sum(move.low for move in begun) if moves and moves[0].day in self.spent else None
        )
        entering = []
        for move in adjusted:
            more = move.high - move.low
            if move in begun and room is not None:
                more = max(NONE, min(more, room))
                room -= move.high - move.low
            entering.append((move, move.low + more))
        return entering

    def _continue(self, move: Move, entering: list[tuple[Move, Decimal]]) -> None:
        """Take the oldest coins of the continued move out: as many as come in again, or as may have left."""
        wanted = dict(entering).get(move, move.low if self.is_high else move.high)
        for parcel in sorted(self.parcels, key=lambda parcel: parcel.day):
            if parcel.move_id == move.continues and parcel.day < move.day:
                taken = min(parcel.left, wanted)
                parcel.left -= taken
                wanted -= taken

    def _survivors(self, birth: date, day: date) -> Decimal:
        of_day = [parcel for parcel in self.parcels if parcel.day == birth]
        left = sum((parcel.left for parcel in of_day), NONE)
        if not self.node or birth not in self.node.created:
            return left
        entered, remaining = sum((parcel.entered for parcel in of_day), NONE), self.node.remaining(birth, day)
        if self.is_high:
            return min(left, remaining)
        return min(left, max(NONE, remaining - (self.node.created[birth] - entered)))


def excess(changes: Mapping[date, Decimal]) -> dict[date, tuple[Decimal, Decimal, Decimal | None]]:
    """By day the usual change, what is beyond it, and that in robust standard deviations: of the 28 days on each side.

    1.4826 times the median distance from the median is the standard deviation of normally distributed figures.
    """
    found = {}
    for day, change in changes.items():
        around = [changes[each] for step in range(-28, 29) if step and (each := day + step * DAY) in changes]
        if around:
            usual = median(around)
            spread = Decimal("1.4826") * median([abs(other - usual) for other in around])
            found[day] = (usual, change - usual, (change - usual) / spread if spread else None)
    return found


def echo(beyond: Mapping[date, tuple[Decimal, Decimal, Decimal | None]], day: date) -> Decimal | None:
    """What was above the usual on an echo's day and those beside it; None until all three are known."""
    days = [day - DAY, day, day + DAY]
    return sum(max(NONE, beyond[each][1]) for each in days) if all(each in beyond for each in days) else None
