"""Listens to the streams of venues until it is told to end: connects again, ever more slowly, where one is lost."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from ingestion.streams.recorder import Recorder
from ingestion.streams.tally import read_message
from ingestion.streams.venue import Declined, Subscribed, Venue
from ingestion.transport import redaction
from ingestion.transport.errors import StreamLost
from ingestion.transport.stream import Limits, Message, Sign, listen

LONGEST_PAUSE_SECONDS = 60.0
TICK_SECONDS = 1.0

Show = Callable[[str], None]


async def collect(recorders: Sequence[Recorder], stop: asyncio.Event, show: Show, limits: Limits | None = None) -> None:
    """Record the streams of all venues until `stop` is set; then each recorder has filed what it has.

    Args:
        show: called with each line of progress.

    Raises:
        OSError: the archive cannot be written.
    """
    for recorder in recorders:
        recorder.salvage()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_follow(each, show, limits or Limits())) for each in recorders]
            tasks.append(group.create_task(_tick(recorders)))
            await stop.wait()
            for task in tasks:
                task.cancel()
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        for recorder in recorders:
            recorder.close()


async def probe(venue: Venue, assets: Sequence[str], seconds: float = 10) -> None:
    """Connect to a venue, and leave once it says that it pushes what is asked for.

    Raises:
        StreamLost: it does not within so many seconds.
    """
    asked = {venue.topic(asset) for asset in assets} - {*venue.pushes_at_once}
    try:
        async with asyncio.timeout(seconds), aclosing(listen(venue.url, venue.requests(assets), venue.ping)) as stream:
            async for each in stream:
                match read_message(venue, each.text)[0] if isinstance(each, Message) else None:
                    case Subscribed(topic):
                        asked.discard(topic)
                    case Declined() as declined:
                        raise StreamLost(_why_declined(declined))
                    case _:
                        pass
                if not asked:
                    return
    except TimeoutError:
        raise StreamLost(f"it did not say within {seconds:g} s that it pushes {' '.join(sorted(asked))}") from None


async def _tick(recorders: Sequence[Recorder]) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        for recorder in recorders:
            recorder.tick()


async def _follow(recorder: Recorder, show: Show, limits: Limits) -> None:
    """Listen to one venue for ever."""
    venue, failures, now = recorder.venue, 0, asyncio.get_running_loop().time
    while True:
        began = now()
        try:
            async with aclosing(listen(venue.url, venue.requests(recorder.assets), venue.ping, limits)) as stream:
                await _record(stream, recorder, show)
        except StreamLost as lost:
            recorder.mark("lost", str(lost))
            failures = 1 if now() - began > LONGEST_PAUSE_SECONDS else failures + 1
            pause = pause_seconds(failures)
            show(f"{venue.name}: lost: {lost}; connecting again in {pause:.1f} s.")
            await asyncio.sleep(pause)


def pause_seconds(failures: int) -> float:
    """How long to wait before the next connection; not the same for all who lost theirs at once."""
    return min(LONGEST_PAUSE_SECONDS, 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1)


async def _record(stream: AsyncGenerator[Sign | Message], recorder: Recorder, show: Show) -> None:
    """Record what a connection brings, until it is lost or silent for longer than it can be."""
    venue, now = recorder.venue, asyncio.get_running_loop().time
    heard = now()
    async for each in stream:
        match each:
            case Sign.CONNECTED:
                recorder.mark("connected")
                show(f"{venue.name}: connected to {venue.url}.")
            case Sign.ALIVE:
                recorder.mark("alive")
                if venue.max_silence_seconds and now() - heard > venue.max_silence_seconds:
                    raise StreamLost(f"it sent no liquidation for {venue.max_silence_seconds / 60:.0f} minutes")
            case Message(text):
                said, _ = read_message(venue, text)
                recorder.message(text, said)
                heard = now() if said else heard
                if isinstance(said, Declined):
                    show(f"{venue.name}: {_why_declined(said)}: check the assets.")


def _why_declined(said: Declined) -> str:
    return redaction.on_one_line(f"{said.topic[:50]} is not pushed ({said.reason[:100]})")
