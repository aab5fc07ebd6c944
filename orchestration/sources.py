"""Which sources there are, and how a home's captures of them are gathered."""

from collections.abc import Callable, Iterator
from types import ModuleType

from ingestion.archive import Archive
from ingestion.errors import WrongUse
from ingestion.http import Http
from ingestion.refresh import Reading, fetch_live, holds_sample, read_sessions, refresh
from ingestion.sample.pages import pages
from ingestion.sources import alternative_me, binance_vision, farside, ishares
from orchestration.resources import Gathering, Home, now

SOURCES = (farside, ishares, binance_vision, alternative_me)
SAMPLE_NOTE = "reconstructed from the project's own table of facts"

Told = Callable[[Reading], None]
"""Told how each source went."""


def unheard(reading: Reading) -> None:
    """A `Told` for nobody."""


def check(home: Home, gathering: Gathering) -> bool:
    """Whether the gathering makes this home leave the bundled sample behind.

    Raises:
        WrongUse: the sample is asked for in a home that holds real captures, or the folder to replay is not there.
    """
    held = holds_sample(home.lake)
    if gathering.mode == "sample" and held is False:
        raise WrongUse(f"{home.root} holds real captures: give the sample a home of its own with --home DIR.")
    if gathering.replay is not None and not gathering.replay.is_dir():
        raise WrongUse(f"{gathering.replay} is not a folder: name an archive folder (source/resource/stamp.ext).")
    return bool(held) and gathering.mode in ("live", "replay")


def update(source: ModuleType, home: Home, gathering: Gathering) -> Reading:
    """Gather captures of one source as asked and read what is new.

    A home that leaves the sample behind does so in all its sources at once: sample and real rows never mix.
    """
    if check(home, gathering):
        for other in SOURCES:
            refresh(other, home.archive, home.lake, "held", is_sample=False, now=now())
    is_sample = gathering.mode == "sample" or (gathering.mode == "held" and bool(holds_sample(home.lake)))
    failures = list(_gather(source, home, gathering))
    return refresh(source, home.archive, home.lake, gathering.mode, is_sample, now(), failures)


def update_sessions(home: Home) -> int:
    """Bring the calendar of NYSE sessions up to date; returns how many sessions are held."""
    return read_sessions(home.lake, now().date()).height


def _gather(source: ModuleType, home: Home, gathering: Gathering) -> Iterator[str]:
    """File new captures; yields a sentence for each failure."""
    if gathering.mode == "sample":
        for name, resource, ext, served in pages():
            if name == source.SOURCE:
                home.archive.put(name, resource, served, ext, "reconstructed", SAMPLE_NOTE, is_sample=True)
    elif gathering.mode == "replay":
        yield from home.archive.copy_from(Archive(gathering.replay), source.SOURCE)
    elif gathering.mode == "live":
        yield from fetch_live(source, home.archive, home.lake, Http(gathering.contact), now().date())
