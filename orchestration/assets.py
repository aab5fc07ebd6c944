"""The warehouse as Dagster's assets: one step that runs the pipeline, whatever part of it is asked for."""

from collections.abc import Collection, Iterator, Mapping, Set
from datetime import timedelta

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    AssetsDefinition,
    AssetSpec,
    DataVersion,
    Failure,
    FreshnessPolicy,
    MaterializeResult,
    ResourceParam,
    RetryRequested,
    multi_asset,
)

from ingestion import calendar, registry
from ingestion.errors import IngestionError
from ingestion.evm import ledger as account_chains
from ingestion.printable import printable
from ingestion.sources import holder_series
from orchestration import own_seeds, pipeline, rhythms
from orchestration.errors import BuildFailed, HomeBusy
from orchestration.filing import file_events, file_spool, severity
from orchestration.graph import Graph
from orchestration.health import in_time, status
from orchestration.home import Home, now
from orchestration.ingest_mode import Held
from orchestration.outcome import (
    CHAIN_TABLES,
    COPIED,
    IN_TIME,
    PUBLISHED,
    READ,
    Event,
    Outcome,
    data_version,
    events,
    tables_of_result,
)
from orchestration.partitions import histories
from orchestration.settings import Settings

SCHEDULED = "dagster/schedule_name"
RETRIES, RETRY_SECONDS = 3, 60
"""Where another process holds the home for long; what publishers and nodes answer is asked again by the transport."""


def warehouse(graph: Graph, settings: Settings) -> AssetsDefinition:
    """Every raw table, model and the published folder, as one asset definition of which any part can be asked for.

    Args:
        settings: say which tables are asked for, and how often.
    """
    names = [*registry.names(), *CHAIN_TABLES]
    ranges = [each.key.to_user_string() for each in histories(settings)]
    specs = [*_raw(rhythms.asked_within(settings), ranges), *_models(graph)]
    order = {spec.key.to_user_string(): number for number, spec in enumerate(specs)}

    @multi_asset(name="pipeline", specs=specs, check_specs=[*_checks(graph, settings)], can_subset=True)
    def run(
        context: AssetExecutionContext, home: ResourceParam[Home]
    ) -> Iterator[MaterializeResult | AssetObservation | AssetCheckResult]:
        """Gather, build what depends on what changed, publish: as `flowhouse build` does."""
        settings = Settings.read(home.root)
        selected = {key.to_user_string() for key in context.selected_asset_keys}
        checks = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
        wanted = {*selected, *(asset for asset, _ in checks)}
        mode = settings.publishers.live() if settings.publishers.mode == "live" else Held()
        request = pipeline.Request(
            mode,
            sources=_sources(wanted, names, settings),
            asks_chains=True,
            derives=PUBLISHED in wanted or not wanted.isdisjoint(graph.models),
        )
        outcome, failure = Outcome(), None
        listeners = pipeline.Listeners(
            on_source_done=lambda result: context.log.info(f"{result.source}: {result.captures:,} captures read"),
            on_chain=lambda line: context.log.info(printable(line)),
        )
        file_spool(home, context.instance)
        try:
            pipeline.run(home, request, settings, listeners, outcome)
        except (BuildFailed, HomeBusy, IngestionError) as error:
            failure = error
        at = now()
        done = list(events(outcome))
        # A run builds all that has changed since the last build, also what it was not asked for.
        others = [event for event in done if not _is_selected(event, selected, checks)]
        file_events(context.instance, others, at, f"run {context.run.run_id}")
        found = (*done, *in_time.checks(status.read(home, settings, at), at))
        happened = [event for event in found if _is_selected(event, selected, checks)]
        if not failure:
            happened += _still_passed(checks - {(event.asset, event.check) for event in happened}, graph, outcome)
            if SCHEDULED not in context.run.tags:
                told = {event.asset for event in happened if not event.check}
                happened += _unchanged(selected - told, graph, outcome)
        # Dagster wants an asset after those that it depends on.
        yield from map(_result, sorted(happened, key=lambda event: order[event.asset]))
        if isinstance(failure, HomeBusy):
            raise RetryRequested(RETRIES, RETRY_SECONDS) from failure
        if failure:
            raise Failure(printable(str(failure)), allow_retries=False)

    return run


def _sources(selected: Set[str], names: Collection[str], settings: Settings) -> set[str]:
    """The sources and chains of which a table is selected."""
    chains = {f"bitcoin/{network}" for network in settings.bitcoin} | {f"evm/{network}" for network in settings.evm}
    return {name for name in {*names, *chains} if not selected.isdisjoint(tables_of_result(name))}


def _is_selected(event: Event, assets: Set[str], checks: Set[tuple[str, str]]) -> bool:
    return (event.asset, event.check) in checks if event.check else event.asset in assets


def _result(event: Event) -> MaterializeResult | AssetObservation | AssetCheckResult:
    key = AssetKey(event.asset.split("/"))
    if event.kind == "check":
        return AssetCheckResult(
            asset_key=key,
            check_name=event.check,
            passed=event.passed,
            metadata=dict(event.metadata),
            severity=severity(event),
        )
    if event.kind == "observation":
        return AssetObservation(asset_key=key, metadata=dict(event.metadata))
    version = DataVersion(event.data_version) if event.data_version else None
    return MaterializeResult(asset_key=key, metadata=dict(event.metadata), data_version=version)


def _unchanged(keys: Collection[str], graph: Graph, outcome: Outcome) -> Iterator[Event]:
    """Say of each asset that a person asked for that it is as it was: a model is current, a table had nobody to ask."""
    for key in keys:
        if key in graph.models and outcome.inputs:
            metadata = {"nothing_new": True, "build_id": outcome.build_id}
            yield Event("materialization", key, metadata, data_version(key, graph, outcome.inputs))
        else:
            yield Event("observation", key, {"nothing_new": True, "reason": "nobody is asked for it"})


def _still_passed(checks: Collection[tuple[str, str]], graph: Graph, outcome: Outcome) -> Iterator[Event]:
    """Say of each test that need not run that it stands, for nothing is published before it passed: Dagster would show
    it as skipped.
    """
    for asset, check in sorted(checks):
        if check in graph.tests and outcome.folder:
            yield Event("check", asset, {"nothing_new": True, "build_id": outcome.build_id}, check=check)


def _raw(asked_within: Mapping[str, timedelta], ranges: Collection[str]) -> Iterator[AssetSpec]:
    for source in registry.sources():
        key, description = f"{source.name}/{source.table}", f"{source.description}\nTerms: {source.terms}"
        yield _spec(key, "sources", description, asked_within=asked_within.get(key))
    for chain, tables in CHAIN_TABLES.items():
        for key in (f"{chain}/{table}" for table in tables):
            parents = ranges if chain == account_chains.SOURCE else ()
            said = "From the user's own node or provider."
            yield _spec(key, "chains", said, parents, asked_within=asked_within.get(key))
    for name in own_seeds.COLUMNS:
        yield _spec(
            f"{own_seeds.SOURCE}/{name}", "sources", "Own rows of the user, from a CSV beside the home's settings."
        )
    yield _spec(f"{calendar.SOURCE}/{calendar.TABLE}", "sources", calendar.__doc__)
    definitions = f"{holder_series.SOURCE.name}/{holder_series.DEFINITIONS}"
    yield _spec(definitions, "sources", "The definitions that users chose for their own series.")
    yield _spec("flowhouse/control", "sources", "One row that says until when observations count.")


def _models(graph: Graph) -> Iterator[AssetSpec]:
    for key, node in graph.models.items():
        kinds = {"dbt", "seed" if node.kind == "seed" else "duckdb"}
        yield _spec(key, node.group, node.description, node.parents, kinds)
    marts = [key for key in graph.models if key.startswith("marts/")]
    description = "The marts as a DuckDB file and as Parquet, with report and manifest, swapped in as a whole."
    yield _spec(PUBLISHED, "published", description, marts, {"duckdb", "parquet"})


def _spec(
    key: str,
    group: str,
    description: str | None,
    parents: Collection[str] = (),
    kinds: Collection[str] = frozenset({"parquet"}),
    asked_within: timedelta | None = None,
) -> AssetSpec:
    return AssetSpec(
        key.split("/"),
        deps=[parent.split("/") for parent in parents],
        description=description,
        group_name=group or None,
        kinds=set(kinds),
        skippable=True,
        # It says that a source was asked; whether its figures are late is for `in_time`, which knows holidays.
        freshness_policy=FreshnessPolicy.time_window(asked_within) if asked_within else None,
    )


def _checks(graph: Graph, settings: Settings) -> Iterator[AssetCheckSpec]:
    if settings.publish.to:
        yield AssetCheckSpec(COPIED, asset=PUBLISHED, description="The latest build is where it is to be copied.")
    for name in (*registry.names(), *CHAIN_TABLES, own_seeds.SOURCE):
        yield AssetCheckSpec(
            READ, asset=tables_of_result(name)[0].split("/"), description="Whoever was asked answered, and it was read."
        )
    for name in (*(source.name for source in registry.sources() if source.cadence), *CHAIN_TABLES):
        yield AssetCheckSpec(
            IN_TIME, asset=tables_of_result(name)[0].split("/"), description="The figures are not later than expected."
        )
    for name, test in graph.tests.items():
        yield AssetCheckSpec(name, asset=test.asset.split("/"), description=test.description or None)
