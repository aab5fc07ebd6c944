"""What `status` and `doctor` look at."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import ModuleType

import duckdb
import polars as pl

from ingestion.bitcoin.ledger import CoinRecord, blocks_daily, check_chain, read_record
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import IngestionError
from ingestion.evm import ledger as tokens
from ingestion.lake.observations import CAPTURE_SCHEMA, CAPTURES, observation_schema
from ingestion.refresh import last_readings
from ingestion.sources import nyse
from ingestion.transport.publisher import Http
from orchestration import node_config as nodes
from orchestration import seeds
from orchestration.home import DBT_PROJECT, Home, Settings
from orchestration.node_config import NodeLocation
from orchestration.publishing import published
from orchestration.publishing.fingerprint import versions
from orchestration.sources import SOURCES

GRACE = timedelta(hours=36)
"""From the start of a day to when its figures are overdue: 87 % of fund days are complete after 30 h."""
FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class SourceState:
    """Where one source stands. Times are UTC without zone; `state` is ok, stale, failed or empty."""

    source: str
    mode: str
    captured_at: datetime | None
    observed_at: datetime | None
    newest: date | None
    is_complete: bool | None
    due_at: datetime | None
    state: str
    failures: tuple[str, ...]


@dataclass(frozen=True)
class ChainState:
    """What the lake holds of a chain: its first and last block, the last that none replaces, and how it last came."""

    network: str
    road: str
    first_height: int
    height: int
    newest: date
    folded_height: int | None


@dataclass(frozen=True)
class HealthCheck:
    """One thing looked at: whether it is well, and a sentence that says what it is or what to do."""

    is_well: bool
    sentence: str


def source_states(home: Home, at: datetime) -> list[SourceState]:
    """Each source's state at a time; only a live source can be stale."""
    readings = {reading.source: reading for reading in last_readings(home.lake)}
    complete = _newest_complete(home)
    return [_source_state(home, source, readings.get(source.SOURCE), complete, at) for source in SOURCES]


def chain_states(home: Home) -> list[ChainState]:
    """Each chain held. Nobody says when its next block is due, so none is ever stale."""
    records = {name: read_record(home.lake, network) for name, network in NETWORKS.items()}
    bitcoin = [
        _chain_state(home, network, record) for network, record in records.items() if record.tip_height is not None
    ]
    accounts = {network: tokens.read_record(home.lake, network) for network in tokens.networks(home.lake)}
    return bitcoin + [
        _account_chain_state(home, network, record)
        for network, record in accounts.items()
        if record.final_number is not None
    ]


def findings(home: Home) -> str:
    """How many findings about publishers of each kind the published build holds; empty where there are none."""
    counted = (published.manifest(home) or {}).get("findings", [])
    return ", ".join(f"{finding['rows']:,} {finding['kind']}" for finding in counted)


def machine(home: Home) -> Iterator[HealthCheck]:
    """Whether the home can be written to, has room, and what stands published."""
    try:
        home.check_writable()
    except OSError as error:
        yield HealthCheck(
            False, f"{home.root} cannot be written to ({error.strerror}): choose another with --home DIR."
        )
    else:
        free = shutil.disk_usage(home.root).free
        yield HealthCheck(True, f"home is {home.root.resolve()}")
        yield HealthCheck(
            free >= FREE_BYTES,
            f"{free / 1024**3:.1f} GiB are free there{'' if free >= FREE_BYTES else ': make room, 2 GiB are needed.'}",
        )
    yield HealthCheck(DBT_PROJECT.is_dir(), f"dbt project at {DBT_PROJECT}")
    yield HealthCheck(True, ", ".join(f"{name} {number}" for name, number in versions().items()))
    manifest = published.manifest(home)
    yield HealthCheck(True, f"published: {manifest['build_id'] if manifest else 'nothing yet, run `flowhouse build`'}")


def publishers(settings: Settings, day: date) -> Iterator[HealthCheck]:
    """Ask every publisher for the newest page of each resource, and say what it was; nothing is stored."""
    http = Http(settings.contact)
    for source in SOURCES:
        for resource in source.RESOURCES:
            name = f"{source.SOURCE}/{resource}"
            try:
                served = next(iter(source.fetch(http, resource, frozenset(), day)))
                rows = source.frame(source.parse(served.content), resource)
                yield HealthCheck(True, f"{name}: {rows.height:,} figures up to {rows['value_date'].max()}")
            except StopIteration:
                yield HealthCheck(
                    False, f"{name}: nothing is published there; compare the address with the publisher's."
                )
            except IngestionError as error:
                yield HealthCheck(False, f"{name}: {error}")


def node(home: Home, place: NodeLocation, settings: Settings) -> Iterator[HealthCheck]:
    """Whether a node can be read: how far it is, what it keeps, whether it is on the chain that the home holds."""
    record = read_record(home.lake, NETWORKS[place.network])
    if record.is_sample:
        record = CoinRecord()
    try:
        yield from _files(record, place) if place.datadir else _running(record, place, settings)
    except IngestionError as error:
        yield HealthCheck(False, str(error))
    except OSError as error:
        yield HealthCheck(False, f"{error.filename} cannot be read ({error.strerror}): give yourself the right to.")


def provider(home: Home, settings: Settings) -> Iterator[HealthCheck]:
    """Whether an account chain's provider can be read: which chain, how far, whether it gives logs."""
    from ingestion.evm import ingest
    from ingestion.evm.node import FINALIZED, LATEST, Node, require_header
    from ingestion.evm.provider import Provider

    if not settings.evm_rpc_url:
        yield HealthCheck(False, "no provider of an account chain is set: put its address into FLOWHOUSE_EVM_RPC_URL.")
        return
    try:
        with closing(Provider(settings.evm_rpc_url)) as asked:
            node = Node(asked)
            watch_list = seeds.load_watch_list(node.chain_id())
            newest, final = (require_header(node.header(which), node, which) for which in (LATEST, FINALIZED))
            far = f"{watch_list.network} up to block {newest.number:,}, finalized up to {final.number:,}"
            yield HealthCheck(True, f"{node.shown}: {far}")
            events = node.logs_of(newest, watch_list.pairs).height
            yield HealthCheck(True, f"it gives logs: {events:,} of what is read in its newest block")
            record = tokens.read_record(home.lake, watch_list.network)
            ingest.check_common(node, tokens.EventRecord() if record.is_sample else record)
            yield HealthCheck(True, f"it is on the chain that the home holds of {watch_list.network}")
    except IngestionError as error:
        yield HealthCheck(False, str(error))


def _files(record: CoinRecord, place: NodeLocation) -> Iterator[HealthCheck]:
    folder = nodes.folder(place)
    yield HealthCheck(True, f"{place.datadir}: {place.network} chain up to height {folder.tip_height:,}")
    lacking = [each for each in map(folder.undo_file, folder.heights_by_file(1)) if not each.is_file()]
    todo = f"{lacking[0]} is missing: copy the rev files together with the blk files." if lacking else ""
    yield HealthCheck(not lacking, todo or "each of its block files has its undo file")
    yield _held(record, place, lambda height: folder.block_hash(height) if height <= folder.tip_height else None)


def _running(record: CoinRecord, place: NodeLocation, settings: Settings) -> Iterator[HealthCheck]:
    with closing(nodes.node(place, settings)) as node:
        state = node.state()
        far = f"{place.network} chain up to height {state.height:,}, headers up to {state.headers:,}"
        yield HealthCheck(True, f"{node.shown}: {far}")
        yield _kept(record, state.first_kept)
        block = node.block(*node.tip())
        coins = sum(len(each.vin) for each in block.transactions[1:])
        yield HealthCheck(True, f"it tells which coins a block spent: {coins:,} at height {block.height:,}")
        yield _held(record, place, node.hash_at)


def _kept(record: CoinRecord, first_kept: int) -> HealthCheck:
    following = 0 if record.tip_height is None else record.tip_height + 1
    if first_kept <= following:
        return HealthCheck(True, f"it keeps the blocks from height {first_kept:,} on")
    return HealthCheck(
        False,
        f"it keeps the blocks from height {first_kept:,} on, but {following:,} is needed next: ask a node that keeps"
        " it, or start from a UTXO snapshot.",
    )


def _held(record: CoinRecord, place: NodeLocation, hash_at: Callable[[int], str | None]) -> HealthCheck:
    check_chain(record, place.network, hash_at)
    if record.finalized_height is None:
        return HealthCheck(True, f"the home has folded no block of {place.network} yet")
    return HealthCheck(True, f"it is on the chain that the home has folded up to height {record.finalized_height:,}")


def _chain_state(home: Home, network: str, record: CoinRecord) -> ChainState:
    blocks = blocks_daily(home.lake, record)
    road = "sample" if record.is_sample else record.transport
    first_height, newest = blocks["first_height"].min(), blocks["value_date"].max()
    return ChainState(network, road, first_height, record.tip_height, newest, record.finalized_height)


def _account_chain_state(home: Home, network: str, record: tokens.EventRecord) -> ChainState:
    coverage = tokens.read(home.lake, record, "coverage")
    road = "sample" if record.is_sample else "rpc"
    first, newest = coverage["from_block"].min(), coverage["to_value_date"].max()
    return ChainState(network, road, first, coverage["to_block"].max(), newest, record.final_number)


def _source_state(home: Home, source: ModuleType, reading, complete: dict[str, date], at: datetime) -> SourceState:
    captures = home.lake.read(source.SOURCE, CAPTURES, CAPTURE_SCHEMA).filter(pl.col("refusal").is_null())
    rows = home.lake.read(source.SOURCE, source.TABLE, observation_schema(source.KEY))
    newest = rows["value_date"].max()
    is_live = reading is not None and reading.mode == "live"
    due_at = _due_at(home, source, newest) if is_live and newest else None
    failures = reading.failures if reading else ()
    is_complete = complete[source.SOURCE] >= newest if source.SOURCE in complete and newest else None
    is_stale = is_live and (due_at is None or at > due_at)
    state = "failed" if failures else "stale" if is_stale else "ok" if newest else "empty"
    mode = reading.mode if reading else ""
    observed_at, captured_at = rows["observed_at"].max(), captures["fetched_at"].max()
    return SourceState(source.SOURCE, mode, captured_at, observed_at, newest, is_complete, due_at, state, failures)


def _due_at(home: Home, source: ModuleType, newest: date) -> datetime:
    """When a figure for the day after the newest one is overdue."""
    if source.NEWEST == "same_day":
        following = newest + timedelta(days=1)
    else:
        sessions = home.lake.read(nyse.SOURCE, nyse.TABLE, nyse.SCHEMA)["session_date"]
        later = sessions.filter(sessions > newest)
        following = later.min() if len(later) else newest + timedelta(days=1)
    return datetime.combine(following, time()) + GRACE


def _newest_complete(home: Home) -> dict[str, date]:
    """The newest session that is complete in every market a source covers, from the published warehouse."""
    if published.latest(home) is None:
        return {}
    with duckdb.connect(str(published.warehouse(home)), read_only=True) as con:
        rows = con.sql(
            "select source, min(newest) from ("
            " select source, asset, max(case when is_complete then trade_date end) as newest"
            " from marts.etf_market_flows_daily where source = 'farside' group by source, asset"
            ") as markets group by source having min(newest) is not null"
        ).fetchall()
    return dict(rows)
