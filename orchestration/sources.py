"""Which sources there are, and how a home's captures of them are gathered."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from ingestion.archive import Archive, Served
from ingestion.bitcoin import ledger as coins
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import PageRefused, UsageError
from ingestion.evm import ledger as tokens
from ingestion.refresh import RefreshResult, fetch_live, holds_sample, read_sessions, refresh
from ingestion.sample import chains
from ingestion.sample.pages import pages
from ingestion.sources import alternative_me, binance_vision, bitview, farside, holder_series, ishares, prices
from ingestion.transport.publisher import Http
from orchestration import seeds
from orchestration.home import Home, IngestMode, UserUpload, now

SOURCES = (farside, ishares, binance_vision, alternative_me, bitview, holder_series, prices)
"""Those without RESOURCES are read from files that users bring."""
SAMPLE_NOTE = "reconstructed from the project's own table of facts"

Told = Callable[[RefreshResult], None]
"""Told how each source went."""


def unheard(reading: RefreshResult) -> None:
    """A `Told` for nobody."""


def check(home: Home, gathering: IngestMode) -> bool:
    """Whether the gathering makes this home leave the bundled sample behind.

    Raises:
        UsageError: the sample is asked for in a home that holds real captures, or the folder to replay is not there.
    """
    utxo_chains = [coins.read_record(home.lake, network) for network in NETWORKS.values()]
    has_own_chain = any(chain.tip_height is not None and not chain.is_sample for chain in utxo_chains)
    account_chains = [tokens.read_record(home.lake, network) for network in tokens.networks(home.lake)]
    has_own_chain |= any(chain.chain_id is not None and not chain.is_sample for chain in account_chains)
    if gathering.mode == "sample" and (holds_sample(home.lake) is False or has_own_chain):
        raise UsageError(f"{home.root} holds real data: give the sample a home of its own with --home DIR.")
    if gathering.replay is not None and not gathering.replay.is_dir():
        raise UsageError(f"{gathering.replay} is not a folder: name an archive folder (source/resource/stamp.ext).")
    return holds_any_sample(home) and gathering.mode in ("live", "replay", "file")


def holds_any_sample(home: Home) -> bool:
    """Whether the home holds pages or a chain of the bundled sample."""
    return bool(holds_sample(home.lake)) or chains.has_chains(home.lake)


def update(source: ModuleType, home: Home, gathering: IngestMode) -> RefreshResult:
    """Gather captures of one source as asked and read what is new.

    A home that leaves the sample behind does so in all its sources at once.
    """
    if check(home, gathering):
        leave_sample(home)
    return _update(source, home, gathering)


def _update(source: ModuleType, home: Home, gathering: IngestMode) -> RefreshResult:
    is_sample = gathering.mode == "sample" or (gathering.mode == "held" and bool(holds_sample(home.lake)))
    failures = list(_gather(source, home, gathering))
    # nobody can be asked for a user's own series, so it is neither live nor ever stale
    mode = "held" if gathering.mode == "live" and not source.RESOURCES else gathering.mode
    return refresh(source, home.archive, home.lake, mode, is_sample, now(), failures)


def update_all(home: Home, gathering: IngestMode, told: Told) -> Iterator[RefreshResult]:
    """Bring every raw table up to date, as the assets do one by one."""
    if check(home, gathering):
        leave_sample(home)
    update_chain(home, gathering)
    update_tokens(home, gathering)
    for source in SOURCES:
        reading = _update(source, home, gathering)
        told(reading)
        yield reading
    update_definitions(home)
    update_sessions(home)


def leave_sample(home: Home) -> None:
    """Leave the bundled sample out of every table: sample and real rows never mix."""
    chains.drop_chains(home.lake)
    for source in SOURCES:
        refresh(source, home.archive, home.lake, "held", is_sample=False, now=now())


def update_chain(home: Home, gathering: IngestMode) -> None:
    """Have the chain's tables in order: the sample's chain for the sample, else what a node gave so far."""
    coins.collect_garbage(home.lake)
    if gathering.mode == "sample":
        chains.read_coin_chain(home.lake)


def update_tokens(home: Home, gathering: IngestMode) -> None:
    """Have the account chains' tables in order: the sample's for the sample, else what providers gave so far."""
    tokens.collect_garbage(home.lake)
    if gathering.mode == "sample":
        chains.read_event_chain(home.lake)


def update_sessions(home: Home) -> int:
    """Bring the calendar of NYSE sessions up to date; returns how many sessions are held."""
    return read_sessions(home.lake, now().date()).height


def user_upload(source: ModuleType, path: Path, resource: str, note: str = "") -> UserUpload:
    """A user's own file, read once before it is filed: what is refused leaves everything as it was.

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
        newest = source.frame(source.parse(content), resource)["value_date"].max()
    except PageRefused as error:
        raise PageRefused(f"{path}: {error}") from None
    if newest > served.fetched_at.date():
        raise PageRefused(f"{path} has figures of {newest}, a day yet to come: have its days put right.")
    return UserUpload(resource, served, note)


def known_definitions() -> list[str]:
    """The ids in the seed of definitions, and `as_published`."""
    return [*(row["definition_id"] for row in seeds.read("holder_definitions")), holder_series.AS_PUBLISHED]


def update_definitions(home: Home) -> None:
    """Bring the table of definitions that users chose for their series in line with the archive's provenance."""
    table = (holder_series.SOURCE, holder_series.DEFINITIONS)
    captures, _ = home.archive.captures(holder_series.SOURCE)
    rows = holder_series.definitions(captures)
    if not home.lake.has(*table) or not rows.equals(home.lake.read(*table, holder_series.DEFINITIONS_SCHEMA)):
        home.lake.write(*table, rows)


def _gather(source: ModuleType, home: Home, gathering: IngestMode) -> Iterator[str]:
    """File new captures; yields a sentence for each failure."""
    if gathering.mode == "sample":
        for name, resource, ext, served in pages():
            if name == source.SOURCE:
                home.archive.put(name, resource, served, ext, "reconstructed", SAMPLE_NOTE, is_sample=True)
    elif gathering.mode == "replay":
        yield from home.archive.copy_from(Archive(gathering.replay), source.SOURCE)
    elif gathering.mode == "file":
        own = gathering.own
        home.archive.put(source.SOURCE, own.resource, own.served, source.EXT, note=own.note)
    elif gathering.mode == "live":
        yield from fetch_live(source, home.archive, home.lake, Http(gathering.contact), now().date())
