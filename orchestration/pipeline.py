"""The steps that bring a home's raw tables up to date; Dagster's assets and the command line run the same ones."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingestion import calendar, registry
from ingestion.archive import Archive, Served
from ingestion.bitcoin import ledger as coins
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import PageRefused, UsageError
from ingestion.evm import ledger as events
from ingestion.refresh import Mode, RefreshResult, fetch_live, holds_sample, refresh
from ingestion.sample import chains
from ingestion.sample.pages import pages
from ingestion.source import PublisherSource, Source, UploadSource, newest_day
from ingestion.sources import holder_series
from ingestion.transport.publisher import Http
from orchestration import seeds
from orchestration.home import Home, now
from orchestration.ingest_mode import Held, IngestMode, Live, Replay, Sample, UserUpload

SAMPLE_NOTE = "reconstructed from the project's own table of facts"

OnSourceDone = Callable[[RefreshResult], None]
"""Called with how each source went."""


def no_op(result: RefreshResult) -> None:
    """An `OnSourceDone` that does nothing."""


def leaves_sample(home: Home, mode: IngestMode) -> bool:
    """Whether the mode makes this home leave the bundled sample behind.

    Raises:
        UsageError: the sample is asked for in a home that holds real captures, or the folder to replay is not there.
    """
    if isinstance(mode, Sample) and (holds_sample(home.lake) is False or _holds_own_chain(home)):
        raise UsageError(f"{home.root} holds real data: give the sample a home of its own with --home DIR.")
    if isinstance(mode, Replay) and not mode.folder.is_dir():
        raise UsageError(f"{mode.folder} is not a folder: name an archive folder (source/resource/stamp.ext).")
    return not isinstance(mode, Sample | Held) and holds_any_sample(home)


def holds_any_sample(home: Home) -> bool:
    """Whether the home holds pages or a chain of the bundled sample."""
    return bool(holds_sample(home.lake)) or chains.has_chains(home.lake)


def leave_sample(home: Home) -> None:
    """Leave the bundled sample out of every table: sample and real rows never mix."""
    chains.drop_chains(home.lake)
    for source in registry.sources():
        refresh(source, home.archive, home.lake, "held", is_sample=False, now=now())


def update(source: Source[Any], home: Home, mode: IngestMode) -> RefreshResult:
    """Gather captures of one source and read what is new.

    A home that leaves the sample behind does so in all its sources at once.
    """
    if leaves_sample(home, mode):
        leave_sample(home)
    return _update(source, home, mode)


def update_all(home: Home, mode: IngestMode, on_source_done: OnSourceDone) -> Iterator[RefreshResult]:
    """Bring every raw table up to date, as the assets do one by one."""
    if leaves_sample(home, mode):
        leave_sample(home)
    update_chain(home, mode)
    update_tokens(home, mode)
    for source in registry.sources():
        result = _update(source, home, mode)
        on_source_done(result)
        yield result
    update_definitions(home)
    update_sessions(home)


def update_chain(home: Home, mode: IngestMode) -> None:
    """Put the chain's tables in order: the sample's chain for the sample, else what a node gave so far."""
    coins.collect_garbage(home.lake)
    if isinstance(mode, Sample):
        chains.read_coin_chain(home.lake)


def update_tokens(home: Home, mode: IngestMode) -> None:
    """Put the account chains' tables in order: the sample's for the sample, else what providers gave so far."""
    events.collect_garbage(home.lake)
    if isinstance(mode, Sample):
        chains.read_event_chain(home.lake)


def update_sessions(home: Home) -> int:
    """Bring the calendar of NYSE sessions up to date; returns how many sessions the lake holds."""
    return calendar.read_sessions(home.lake, now().date()).height


def update_definitions(home: Home) -> None:
    """Bring the table of definitions that users chose for their series in line with the archive's provenance."""
    table = (holder_series.SOURCE.name, holder_series.DEFINITIONS)
    captures, _ = home.archive.captures(holder_series.SOURCE.name)
    rows = holder_series.definitions(captures)
    if not home.lake.has(*table) or not rows.equals(home.lake.read(*table, holder_series.DEFINITIONS_SCHEMA)):
        home.lake.write(*table, rows)


def known_definitions() -> list[str]:
    """The ids in the seed of definitions, and `as_published`."""
    return [*(row["definition_id"] for row in seeds.read("holder_definitions")), holder_series.AS_PUBLISHED]


def user_upload(source: UploadSource[Any], path: Path, resource: str, note: str = "") -> UserUpload:
    """A user's own file, read once before it is filed: a refused file changes nothing.

    Raises:
        UsageError: the file cannot be read.
        PageRefused: it cannot be trusted as a whole; the sentence names the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): name a CSV with --file.") from None
    served = Served("", content, now())
    try:
        newest = newest_day(source.read(content, resource))
    except PageRefused as error:
        raise PageRefused(f"{path}: {error}") from None
    if newest > served.fetched_at.date():
        raise PageRefused(f"{path} has figures of {newest}, which is in the future: fix its dates.")
    return UserUpload(resource, served, note)


def _holds_own_chain(home: Home) -> bool:
    coin_chains = [coins.read_record(home.lake, network) for network in NETWORKS.values()]
    event_chains = [events.read_record(home.lake, network) for network in events.networks(home.lake)]
    return any(chain.tip_height is not None and not chain.is_sample for chain in coin_chains) or any(
        chain.chain_id is not None and not chain.is_sample for chain in event_chains
    )


def _update(source: Source[Any], home: Home, mode: IngestMode) -> RefreshResult:
    is_sample = isinstance(mode, Sample) or (isinstance(mode, Held) and bool(holds_sample(home.lake)))
    failures = _gather(source, home, mode)
    # nobody can be asked for a user's own series, so it is neither live nor ever stale
    is_idle = isinstance(mode, Live) and not isinstance(source, PublisherSource)
    name: Mode = "held" if is_idle else mode.name
    return refresh(source, home.archive, home.lake, name, is_sample, now(), failures)


def _gather(source: Source[Any], home: Home, mode: IngestMode) -> list[str]:
    """File new captures; returns a sentence for each failure."""
    match mode:
        case Sample():
            for name, resource, ext, served in pages():
                if name == source.name:
                    home.archive.put(name, resource, served, ext, "reconstructed", SAMPLE_NOTE, is_sample=True)
        case Replay(folder):
            return list(home.archive.copy_from(Archive(folder), source.name))
        case UserUpload(resource, served, note):
            home.archive.put(source.name, resource, served, source.ext, note=note)
        case Live(contact):
            if isinstance(source, PublisherSource):
                return fetch_live(source, home.archive, home.lake, Http(contact), now().date())
        case Held():
            pass
    return []
