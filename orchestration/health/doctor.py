"""The checks of `flowhouse doctor`: this machine, the publishers, the nodes."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

from ingestion import registry
from ingestion.bitcoin.ledger import CoinRecord, check_chain, read_record
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import IngestionError
from ingestion.evm import ledger as events
from ingestion.refresh import client
from ingestion.source import PublisherSource, newest_day
from ingestion.streams.collector import probe
from ingestion.streams.venue import SOURCE
from ingestion.streams.venues import VENUES
from ingestion.transport.errors import StreamLost
from orchestration import node_config as nodes
from orchestration import own_definitions, own_seeds, seeds, tagpacks
from orchestration.errors import HomeBusy, PublishedDamaged
from orchestration.health import archive_check
from orchestration.home import DBT_PROJECT, Home
from orchestration.inputs import versions
from orchestration.node_config import NodeFiles, NodeLocation, RestNode, RpcNode
from orchestration.publishing import published
from orchestration.settings import Settings

FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class HealthCheck:
    """One check: whether it passed, and a sentence on the state or on what to do."""

    is_well: bool
    sentence: str


def machine(home: Home) -> Iterator[HealthCheck]:
    """Checks that the home is writable and has room, and shows what is published."""
    try:
        folder = home.check_writable()
    except OSError as error:
        yield HealthCheck(
            False, f"{home.root} cannot be written to ({error.strerror}): choose another with --home DIR."
        )
    else:
        free = shutil.disk_usage(folder).free
        is_there = "" if folder == home.root else ", not there yet: run `flowhouse build`"
        yield HealthCheck(True, f"home is {home.root.resolve()}{is_there}")
        yield HealthCheck(
            free >= FREE_BYTES,
            f"{free / 1024**3:.1f} GiB are free there{'' if free >= FREE_BYTES else ': make room, 2 GiB are needed.'}",
        )
    yield HealthCheck(DBT_PROJECT.is_dir(), f"dbt project at {DBT_PROJECT}")
    yield HealthCheck(True, ", ".join(f"{name} {number}" for name, number in versions().items()))
    try:
        manifest = published.manifest(home)
    except PublishedDamaged as error:
        yield HealthCheck(False, str(error))
    else:
        build_id = manifest["build_id"] if manifest else "nothing yet, run `flowhouse build`"
        yield HealthCheck(True, f"published: {build_id}")


def lake(home: Home) -> Iterator[HealthCheck]:
    """Checks that a lake on a store can be read and written: its lock is both."""
    if home.lake_url is None:
        return
    try:
        with home.lock():
            yield HealthCheck(True, f"lake at {home.lake_url} can be read and written")
    except (IngestionError, HomeBusy) as error:
        yield HealthCheck(False, str(error))


def archive(home: Home) -> Iterator[HealthCheck]:
    """Compares every file of archive and lake with its digest; what is found is stored for `status`."""
    check = archive_check.run(home)
    yield from (HealthCheck(False, problem) for problem in check.problems)
    sentence = f"{check.files:,} archived files, {check.bytes / 1024**2:,.1f} MiB, are as they were stored"
    yield HealthCheck(True, sentence)
    yield HealthCheck(True, f"{check.lake_files:,} files of the lake were compared with what was written")


def keys(settings: Settings) -> Iterator[HealthCheck]:
    """The publishers that the settings name and that answer nothing without a key which the settings lack."""
    for source in registry.publishers():
        if source.is_chosen(settings.publishers.sources) and not settings.publishers.asks(source):
            yield HealthCheck(False, _without_key(source))


def own_files(home: Home, settings: Settings) -> Iterator[HealthCheck]:
    """The files of the user's own rows, labels and definitions that a build cannot read, or would not."""
    packs = settings.seeds.tagpacks
    readings: tuple[Callable[[], object], ...] = (
        lambda: own_seeds.read(settings),
        lambda: tagpacks.files(packs) if packs else None,
        lambda: own_definitions.read(home),
    )
    for read in readings:
        try:
            read()
        except IngestionError as error:
            yield HealthCheck(False, str(error))
    yield from (HealthCheck(False, sentence) for sentence in own_definitions.unread(home))


def _without_key(source: PublisherSource[Any]) -> str:
    name = source.api_key.name if source.api_key else ""
    return (
        f'{source.name} is not asked without a key: write {name}_key_env = "NAME" into [publishers] of flowhouse.toml.'
    )


def publishers(settings: Settings, day: date) -> Iterator[HealthCheck]:
    """Fetch a page of each publisher's resources and say what it has; nothing is stored.

    Of a publisher that is asked only where the settings name it, and they do not, the first resource stands for all.
    """
    for source in registry.publishers():
        if source.name == SOURCE:
            yield from _streams(settings)
            continue
        if source.api_key and source.api_key.name not in settings.publishers.keys:
            yield HealthCheck(True, _without_key(source))
            continue
        http = client(source, settings.publishers.contact, settings.publishers.keys, settings.publishers.instances)
        is_chosen = source.is_chosen(settings.publishers.sources)
        for resource in source.resources if is_chosen else source.resources[:1]:
            name = f"{source.name}/{resource}"
            try:
                served = next(iter(source.fetch(http, resource, {}, day)))
                cells = source.read(served.content, resource)
                yield HealthCheck(True, f"{name}: {cells.height:,} figures up to {newest_day(cells)}")
            except StopIteration:
                yield HealthCheck(
                    False, f"{name}: nothing is published there; compare the address with the publisher's site."
                )
            except IngestionError as error:
                yield HealthCheck(False, f"{name}: {error}")


def _streams(settings: Settings) -> Iterator[HealthCheck]:
    """Connect to the streams that are collected, or to one that stands for all."""
    for name in settings.collect.liquidations or [*VENUES][:1]:
        try:
            asyncio.run(probe(VENUES[name], settings.collect.assets))
            yield HealthCheck(True, f"{SOURCE}/{name}: it pushes liquidations")
        except StreamLost as lost:
            sentence = f"{lost}; check the connection, and whether the venue serves this country."
            yield HealthCheck(False, f"{SOURCE}/{name}: {sentence}")


def node(home: Home, location: NodeLocation, settings: Settings) -> Iterator[HealthCheck]:
    """Checks that a node can be read: how far it is, what it keeps, whether it is on the home's chain."""
    record = CoinRecord() if home.is_sample else read_record(home.lake, NETWORKS[location.network])
    try:
        yield from (
            _files(record, location) if isinstance(location, NodeFiles) else _running(record, location, settings)
        )
    except IngestionError as error:
        yield HealthCheck(False, str(error))
    except OSError as error:
        yield HealthCheck(False, f"{error.filename} cannot be read ({error.strerror}): get read access to it.")


def provider(home: Home, settings: Settings) -> Iterator[HealthCheck]:
    """Checks that an account chain's provider can be read: which chain, how far, whether it returns logs."""
    from ingestion.evm import ingest
    from ingestion.evm.node import FINALIZED, LATEST, Node, require_header
    from ingestion.evm.provider import Provider

    if not settings.evm_rpc_url.get_secret_value():
        yield HealthCheck(
            False, "no provider of an account chain is configured: set FLOWHOUSE_EVM_RPC_URL to its address."
        )
        return
    try:
        with closing(Provider(settings.evm_rpc_url.get_secret_value())) as provider:
            node = Node(provider)
            watch_list = seeds.load_watch_list(node.chain_id(), own=own_seeds.read(settings))
            newest, final = (require_header(node.header(which), node, which) for which in (LATEST, FINALIZED))
            height = f"{watch_list.network} up to block {newest.number:,}, finalized up to {final.number:,}"
            yield HealthCheck(True, f"{node.shown}: {height}")
            found = node.logs_of(newest, watch_list.pairs).height
            yield HealthCheck(True, f"it returns logs: {found:,} watched events in its newest block")
            empty = events.EventRecord()
            ingest.check_common(node, empty if home.is_sample else events.read_record(home.lake, watch_list.network))
            yield HealthCheck(True, f"it is on the home's {watch_list.network} chain")
    except IngestionError as error:
        yield HealthCheck(False, str(error))


def _files(record: CoinRecord, location: NodeFiles) -> Iterator[HealthCheck]:
    folder = nodes.folder(location)
    yield HealthCheck(True, f"{location.datadir}: {location.network} chain up to height {folder.tip_height:,}")
    yield from (HealthCheck(True, remark) for remark in folder.remarks)
    if folder.first_kept:
        yield _check_depth(record, folder.first_kept)
    without_undo = [each for each in map(folder.undo_file, folder.heights_by_file(1)) if not each.is_file()]
    todo = f"{without_undo[0]} is missing: copy the rev files together with the blk files." if without_undo else ""
    yield HealthCheck(not without_undo, todo or "each of its block files has its undo file")
    yield _check_common(
        record, location, lambda height: folder.block_hash(height) if height <= folder.tip_height else None
    )


def _running(record: CoinRecord, location: RpcNode | RestNode, settings: Settings) -> Iterator[HealthCheck]:
    with closing(nodes.node(location, settings)) as node:
        state = node.state()
        height = f"{location.network} chain up to height {state.height:,}, headers up to {state.headers:,}"
        yield HealthCheck(True, f"{node.shown}: {height}")
        yield _check_depth(record, state.first_kept)
        block = node.block(*node.tip())
        coins = sum(len(each.vin) for each in block.transactions[1:])
        yield HealthCheck(True, f"it lists the coins that a block spent: {coins:,} at height {block.height:,}")
        yield _check_common(record, location, node.hash_at)


def _check_depth(record: CoinRecord, first_kept: int) -> HealthCheck:
    following = 0 if record.tip_height is None else record.tip_height + 1
    if first_kept <= following:
        return HealthCheck(True, f"it keeps the blocks from height {first_kept:,} on")
    return HealthCheck(
        False,
        f"it keeps the blocks from height {first_kept:,} on, but {following:,} is needed next: use a node that keeps"
        " it, or start from a UTXO snapshot.",
    )


def _check_common(record: CoinRecord, location: NodeLocation, hash_at: Callable[[int], str | None]) -> HealthCheck:
    check_chain(record, location.network, hash_at)
    if record.finalized_height is None:
        return HealthCheck(True, f"the home has finalized no block of {location.network} yet")
    return HealthCheck(True, f"it is on the chain that the home has finalized up to height {record.finalized_height:,}")
