"""Collects streams into a home's archive, until a signal comes; `serve` runs this module as a process of its own.

Neither the lake nor its lock is touched: what is filed is read by the next build, as any capture.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from ingestion.archive import Archive, Capture
from ingestion.errors import UsageError
from ingestion.streams.collector import collect
from ingestion.streams.lines import HOUR_MS, Line
from ingestion.streams.recorder import Recorder
from ingestion.streams.tally import tally
from ingestion.streams.venue import Venue
from ingestion.streams.venues import VENUES
from orchestration import environment
from orchestration.errors import HomeBusy
from orchestration.home import Home
from orchestration.settings import Settings

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(
    home: Home,
    venues: Sequence[Venue],
    assets: Sequence[str],
    show: Callable[[str], None],
    seconds: float | None = None,
) -> None:
    """Collect the liquidations of venues.

    Args:
        assets: whose contracts are listened to.
        show: called with each line of progress.
        seconds: when to end; None for when SIGINT, SIGTERM or SIGHUP comes.

    Raises:
        HomeBusy: another process collects one of the venues into this home.
        OSError: the archive cannot be written.
    """
    with ExitStack() as held:
        for venue in venues:
            held.enter_context(home.collector_lock(venue.name))
        # real captures, also beside those of a sample, which leave the lake once anything real is read
        archive = Archive(home.root / "archive")
        recorders = [
            Recorder(archive, venue, tuple(assets), _now, lambda *filed, venue=venue: show(_filed(venue, *filed)))
            for venue in venues
        ]
        asyncio.run(_until_stopped(recorders, show, seconds))


async def _until_stopped(recorders: Sequence[Recorder], show: Callable[[str], None], seconds: float | None) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    await collect(recorders, stop, show)


def _filed(venue: Venue, capture: Capture, lines: Sequence[Line]) -> str:
    """One line about a segment."""
    found = tally(lines, venue)
    events = sum(each.events for each in found.sums.values())
    notional = sum(each.notional_usd for each in found.sums.values())
    covered = max(found.covered_ms.values(), default=0) / HOUR_MS
    apart = {
        "came again": sum(each.repeated for each in found.sums.values()),
        "dated wrongly": sum(each.misdated for each in found.sums.values()),
        "unread": found.unread,
    }
    aside = ", ".join(f"{count:,} {what}" for what, count in apart.items() if count)
    stamp = capture.file.partition(".")[0]
    return (
        f"{venue.name}: {events:,} liquidations of {notional:,.0f} USD{f' ({aside})' if aside else ''},"
        f" {covered:.1%} of the hour covered: {capture.source}/{capture.resource}/{stamp}."
    )


def _now() -> int:
    """The time in ms since 1970."""
    return time.time_ns() // 1_000_000


def main() -> None:
    """Collect what the home's settings say, as a process of `serve`."""
    home = Home(environment.home_root())
    settings = Settings.read(home.root).collect
    venues = [VENUES[name] for name in dict.fromkeys(settings.liquidations)]
    run(home, venues, settings.assets, lambda line: print(line, flush=True))


if __name__ == "__main__":
    try:
        main()
    except (HomeBusy, UsageError, OSError) as error:
        sys.exit(str(error))
