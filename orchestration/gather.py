"""Brings a home's raw tables up to date, source by source: the pipeline's first step, and `flowhouse ingest`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion import calendar, decisions, reading, registry
from ingestion.archive import Archive, Served
from ingestion.bitcoin import ledger as coins
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import PageRefused, UsageError
from ingestion.evm import ledger as events
from ingestion.lake.observations import read_log_if_readable
from ingestion.lake.tables import Lake
from ingestion.refresh import READING, RefreshResult, client, fetch_live, refresh, write_reading
from ingestion.source import PublisherSource, Source, UploadSource, newest_day
from ingestion.sources import holder_series
from orchestration import own_seeds, seeds
from orchestration.home import Home, now
from orchestration.ingest_mode import Held, IngestMode, Live, Replay, Sample, UserUpload
from orchestration.leave_sample import leave_sample

if TYPE_CHECKING:
    from orchestration.settings import Settings


def leaves_sample(home: Home, mode: IngestMode) -> bool:
    """Whether the mode makes this home leave the bundled sample behind.

    Raises:
        UsageError: the sample is asked for in a home that holds real data or is reading a chain, or the folder to
            replay is not there.
    """
    if isinstance(mode, Sample) and (being_read := home.chains_being_read()):
        raise UsageError(
            f"{being_read[0]} is being read into {home.root}: give the sample a home of its own with --home DIR."
        )
    if isinstance(mode, Sample) and not home.is_sample and _holds_data(home.lake):
        raise UsageError(f"{home.root} holds real data: give the sample a home of its own with --home DIR.")
    if isinstance(mode, Replay) and not mode.folder.is_dir():
        raise UsageError(f"{mode.folder} is not a folder: name an archive folder (source/resource/stamp.ext).")
    return not isinstance(mode, Sample | Held) and home.is_sample


def update(source: Source[Any], home: Home, mode: IngestMode) -> RefreshResult:
    """Gather captures of one source and read what is new; the lake is locked only while it is written."""
    fit_lake(home, mode)
    # nobody can be asked for a user's own series, so it is neither live nor ever stale; nor without a key
    if isinstance(mode, Live) and not _can_be_asked(source, mode):
        mode = Held()
    failures = _gather(source, home, mode)
    with home.lock():
        return refresh(source, home.archive, home.lake, mode.name, now(), failures)


def _can_be_asked(source: Source[Any], mode: Live) -> bool:
    has_key = source.api_key is None or source.api_key.name in mode.keys
    return isinstance(source, PublisherSource) and has_key


def is_idle(source: Source[Any], home: Home, mode: IngestMode, settings: "Settings") -> bool:
    """Whether a source that is asked by choice only has nothing to do: it is not chosen, and nothing of it is held."""
    if settings.asks(source) or not source.is_opt_in:
        return False
    if isinstance(mode, Sample):
        from ingestion.sample import load

        return not load.has_pages(source.name)
    folders = [home.archive.root, *([mode.folder] if isinstance(mode, Replay) else [])]
    is_held = any((folder / source.name).is_dir() for folder in folders)
    return not is_held and home.lake.read_record(source.name, READING) is None


def update_chain(home: Home, mode: IngestMode) -> None:
    """Put the chain's tables in order: the sample's chain for the sample, else what a node gave so far."""
    fit_lake(home, mode)
    coins.create_tables(home.lake)
    if isinstance(mode, Sample):
        from ingestion.sample import load  # what reads nodes and providers takes 0.2 s of CPU to import

        load.read_coin_chain(home.lake)


def update_tokens(home: Home, mode: IngestMode) -> None:
    """Put the account chains' tables in order: the sample's for the sample, else what providers gave so far."""
    fit_lake(home, mode)
    events.create_tables(home.lake)
    if isinstance(mode, Sample):
        from ingestion.sample import load

        load.read_event_chain(home.lake)


def update_own_seeds(home: Home, settings: "Settings") -> RefreshResult | None:
    """Take the user's own rows into the lake; None where there is no file and never was one.

    A file that cannot be trusted is a failure of its own: the tables keep their rows, and the rest goes on.
    """
    lake, failures = home.lake, ()
    with home.lock():
        own_seeds.create_tables(lake)
        try:
            failures = own_seeds.update(home, settings)
        except UsageError as error:
            failures = (str(error),)
        if (
            not failures
            and not any(dict(settings.seeds).values())
            and lake.read_record(own_seeds.SOURCE, READING) is None
        ):
            return None
        result = RefreshResult(own_seeds.SOURCE, "file", now(), failures=failures)
        write_reading(lake, result)
        return result


def decide(home: Home, capture: str, is_right: bool) -> RefreshResult:
    """Record that a capture is right or wrong, and read its source's captures again.

    Args:
        capture: `source/resource/stamp`, as failures name it.

    Raises:
        UsageError: there is no such capture, or it is not one to accept.
        ArchiveDamaged: it, or another one that was read, is not as it was stored.
    """
    source, _, name = capture.partition("/")
    if source not in registry.names():
        raise UsageError(f"{source} is no source: name the capture as `flowhouse status` does, source/resource/stamp.")
    with home.lock():
        refresh(registry.source(source), home.archive, home.lake, "held", now())  # what is damaged is built again first
        found = reading.decision(registry.source(source), home.archive, home.lake, name, is_right, now())
        decisions.record(home.archive, source, found, now())
        return refresh(registry.source(source), home.archive, home.lake, "held", now())


def update_sessions(home: Home) -> int:
    """Bring the calendar of NYSE sessions up to date; returns how many sessions the lake holds."""
    return calendar.read_sessions(home.lake, now().date()).height


def update_definitions(home: Home) -> None:
    """Bring the table of definitions that users chose for their series in line with the archive's provenance."""
    table = (holder_series.SOURCE.name, holder_series.DEFINITIONS)
    captures, _ = home.archive.captures(holder_series.SOURCE.name)
    rows = holder_series.definitions(captures)
    stored = home.lake.read_if_readable(*table, holder_series.DEFINITIONS_SCHEMA)
    if stored is None or not home.lake.has(*table) or not rows.equals(stored):
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


def fit_lake(home: Home, mode: IngestMode) -> None:
    """Let the lake be of the kind that the mode reads, before anything else is written.

    Raises:
        UsageError: as `leaves_sample` names it.
    """
    with home.lock():
        if leaves_sample(home, mode):
            leave_sample(home)
        elif isinstance(mode, Sample) and not home.lake.is_sample:
            home.lake.mark_as_sample()


def _holds_data(lake: Lake) -> bool:
    """Whether a capture has been read into the lake, or a block of a chain."""
    heights = [coins.read_record(lake, network).tip_height for network in NETWORKS.values()]
    chain_ids = [events.read_record(lake, network).chain_id for network in events.networks(lake)]
    return any(number is not None for number in (*heights, *chain_ids)) or any(
        read_log_if_readable(lake, source).height for source in registry.names()
    )


def _gather(source: Source[Any], home: Home, mode: IngestMode) -> list[str]:
    """File new captures; returns a sentence for each failure."""
    match mode:
        case Sample():
            from ingestion.sample import load

            load.put_pages(home.archive, source.name)
        case Replay(folder):
            failures = list(home.archive.copy_from(Archive(folder), source.name))
            decisions.copy(source.name, Archive(folder), home.archive)
            return failures
        case UserUpload(resource, served, note):
            home.archive.put(source.name, resource, served, source.ext, note=note)
        case Live():
            if isinstance(source, PublisherSource):
                http = client(source, mode.contact, mode.keys, mode.instances)
                return fetch_live(source, home.archive, home.lake, http, now().date())
        case Held():
            pass
    return []
