"""What a segment comes to: liquidations by asset and side, and for how long they were listened to.

An event counts in the hour in which it was received. It does not count where it was received before, or where the
venue dates it far from when it was received: those are counted apart. A topic is covered between two signs of life of
the connection that pushes it, where they are close to each other: a machine that slept, a process that was killed and a
clock that was set leave a gap, and nothing fills it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from ingestion.streams.lines import ALIVE, HOUR_MS, Line
from ingestion.streams.venue import Declined, Liquidation, Said, Side, Subscribed, Venue

SIDES: tuple[Side, ...] = ("long", "short")
ALIVE_MS = 60_000
"""The longest time between two signs of life of a connection that stood; a ping goes out every 20 s."""
LATE_MS, EARLY_MS = 120_000, 60_000
"""How long before it was received, or after by this machine's clock, an event may have happened."""


@dataclass
class Sum:
    """Liquidations of one side of an asset.

    Attributes:
        repeated: how many came again.
        misdated: how many the venue dates far from when they were received.
    """

    notional_usd: Decimal = Decimal()
    events: int = 0
    largest_usd: Decimal = Decimal()
    repeated: int = 0
    misdated: int = 0


@dataclass
class Tally:
    """What a segment comes to.

    Attributes:
        hour: its start, in ms since 1970.
        assets: what was listened to.
        covered_ms: by asset.
        unread: messages that say nothing that is known.
    """

    hour: int
    assets: tuple[str, ...]
    sums: dict[tuple[str, Side], Sum]
    covered_ms: dict[str, int]
    unread: int = 0


def tally(lines: Iterable[Line], venue: Venue) -> Tally:
    """Count a segment, whose first line opens it."""
    lines = iter(lines)
    opened = next(lines)
    found = Tally(opened.hour, opened.assets, {(each, side): Sum() for each in opened.assets for side in SIDES}, {})
    cover, seen = _Cover(venue, opened.hour), Counter[tuple[str, ...]]()
    for line in lines:
        text = line.before or line.text
        said, is_read = read_message(venue, text) if text is not None else (None, True)
        if line.before is None:
            cover.hear(line, said)
            found.unread += not is_read
        elif isinstance(said, Subscribed):
            cover.standing.add(said.topic)
        if isinstance(said, list):
            _count(found, seen, said, line)
    cover.settle()
    found.covered_ms = {asset: cover.covered_ms[venue.topic(asset)] for asset in opened.assets}
    return found


def read_message(venue: Venue, text: str) -> tuple[Said, bool]:
    """What a message says, and whether it could be read."""
    try:
        return venue.read(text), True
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None, False


def _count(found: Tally, seen: Counter[tuple[str, ...]], liquidations: list[Liquidation], line: Line) -> None:
    """Add a message's liquidations; equal ones of one message are several, those of a later message the same again."""
    here = Counter[tuple[str, ...]]()
    for each in liquidations:
        here[each.identity] += 1
        total = found.sums.get((each.asset, each.side))
        if total is None or line.before is not None:
            continue
        if here[each.identity] <= seen[each.identity]:
            total.repeated += 1
        elif not -LATE_MS <= each.at - line.at <= EARLY_MS:
            total.misdated += 1
        else:
            total.events += 1
            total.notional_usd += each.notional_usd
            total.largest_usd = max(total.largest_usd, each.notional_usd)
    for identity, count in here.items():
        seen[identity] = max(seen[identity], count)


@dataclass
class _Cover:
    """For how long each topic was listened to within an hour.

    Attributes:
        standing: topics of the connection of the hour before.
        pending_ms: what counts once the stream turns out not to have fallen silent.
        counted_until: no time before counts again, so that a clock that goes back adds nothing.
    """

    venue: Venue
    hour: int
    covered_ms: Counter[str] = field(default_factory=Counter[str])
    standing: set[str] = field(default_factory=set[str])
    topics: set[str] = field(default_factory=set[str])
    pending_ms: Counter[str] = field(default_factory=Counter[str])
    last: int | None = None
    heard: int = 0
    counted_until: int = 0

    def hear(self, line: Line, said: Said) -> None:
        """Take a line that is not one of the hour before, and what its message says."""
        if line.mark in ("connected", "continues"):
            self.settle()
            asked = self.standing if line.mark == "continues" else set[str]()
            self.topics, self.last, self.heard = {*self.venue.pushes_at_once, *asked}, line.at, line.at
        elif line.mark in ALIVE and self.last is not None:
            self._stretch(self.last, line.at)
            self.last = line.at
            self._take(said)

    def settle(self) -> None:
        """Let what is pending count, unless the stream was silent for longer than it can be."""
        limit = self.venue.max_silence_seconds
        if limit is None or (self.last or 0) - self.heard <= limit * 1000:
            self.covered_ms.update(self.pending_ms)
        self.pending_ms.clear()

    def _stretch(self, begin: int, end: int) -> None:
        first, until = max(begin, self.hour, self.counted_until), min(end, self.hour + HOUR_MS)
        if end - begin <= ALIVE_MS and first < until:
            self.pending_ms.update(dict.fromkeys(self.topics, until - first))
            self.counted_until = until

    def _take(self, said: Said) -> None:
        match said:
            case Subscribed(topic):
                self.topics.add(topic)
            case Declined(topic, _):
                self.topics.discard(topic)
            case list():
                self.settle()
                self.heard = self.last or 0
            case None:
                pass
