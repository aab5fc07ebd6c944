"""The assets around dbt: raw tables, keyed as in the lake, on the one side and the published folder on the other."""

from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    ResourceParam,
    asset,
    multi_asset,
)

from ingestion import calendar, registry
from ingestion.bitcoin import ledger as coins
from ingestion.evm import ledger as events
from ingestion.refresh import last_readings
from ingestion.source import Source
from ingestion.sources import holder_series
from orchestration import own_seeds, pipeline
from orchestration.home import Home, now
from orchestration.ingest_mode import IngestMode
from orchestration.pipeline import OnSourceDone
from orchestration.publishing import publish
from orchestration.settings import Settings


def raw_table(source: Source[Any]) -> AssetsDefinition:
    """The raw table of one source; a source that fails keeps its rows and fails a check, never the run."""
    key = AssetKey([source.name, source.table])

    @multi_asset(
        name=f"{source.name}_raw",
        specs=[
            AssetSpec(
                key, group_name="sources", kinds={"parquet"}, description=f"{source.description}\nTerms: {source.terms}"
            )
        ],
        check_specs=[AssetCheckSpec("read_without_failure", asset=key)],
    )
    def source_raw(
        home: ResourceParam[Home], mode: ResourceParam[IngestMode], on_source_done: ResourceParam[OnSourceDone]
    ) -> MaterializeResult:
        with home.lock():
            result = pipeline.update(source, home, mode)
        on_source_done(result)
        return MaterializeResult(
            asset_key=key,
            metadata={"captures_read": result.captures, "observations_added": result.added, "mode": result.mode},
            check_results=[
                AssetCheckResult(
                    passed=not result.failures,
                    severity=AssetCheckSeverity.WARN,
                    metadata={"failures": list(result.failures)},
                )
            ],
        )

    return source_raw


@multi_asset(
    name="bitcoin_raw",
    specs=[AssetSpec([coins.SOURCE, table], group_name="sources", kinds={"parquet"}) for table in coins.TABLES],
)
def bitcoin_raw(home: ResourceParam[Home], mode: ResourceParam[IngestMode]) -> Iterator[MaterializeResult]:
    """What coins were spent and created on a chain, by day; nodes are read by `flowhouse ingest bitcoin`."""
    with home.lock():
        pipeline.update_chain(home, mode)
    for table in coins.TABLES:
        yield MaterializeResult(asset_key=[coins.SOURCE, table])


@multi_asset(
    name="evm_raw",
    specs=[AssetSpec([events.SOURCE, table], group_name="sources", kinds={"parquet"}) for table in events.TABLES],
)
def evm_raw(home: ResourceParam[Home], mode: ResourceParam[IngestMode]) -> Iterator[MaterializeResult]:
    """Token transfers and stress events of account chains; providers are asked by `flowhouse ingest evm`."""
    with home.lock():
        pipeline.update_tokens(home, mode)
    for table in events.TABLES:
        yield MaterializeResult(asset_key=[events.SOURCE, table])


@asset(key=[calendar.SOURCE, calendar.TABLE], group_name="sources", kinds={"parquet"}, description=calendar.__doc__)
def nyse_raw(home: ResourceParam[Home]) -> None:
    with home.lock():
        pipeline.update_sessions(home)


@asset(
    key=[holder_series.SOURCE.name, holder_series.DEFINITIONS],
    deps=[[holder_series.SOURCE.name, holder_series.SOURCE.table]],
    group_name="sources",
    kinds={"parquet"},
)
def holder_series_definitions(home: ResourceParam[Home]) -> None:
    """The definitions that users chose for their own series, from the provenance of their files."""
    with home.lock():
        pipeline.update_definitions(home)


@multi_asset(
    name="own_seeds_raw",
    specs=[AssetSpec([own_seeds.SOURCE, name], group_name="sources", kinds={"parquet"}) for name in own_seeds.COLUMNS],
)
def own_seeds_raw(home: ResourceParam[Home], settings: ResourceParam[Settings]) -> Iterator[MaterializeResult]:
    """The user's own tokens, contracts, entities and wallets of funds, from CSV files beside the home's settings."""
    with home.lock():
        own_seeds.update(home, settings)
    for name in own_seeds.COLUMNS:
        yield MaterializeResult(asset_key=[own_seeds.SOURCE, name])


@asset(key=["flowhouse", "control"], group_name="sources", kinds={"parquet"})
def control(home: ResourceParam[Home]) -> None:
    """One row that says until when observations count."""
    with home.lock():
        home.write_control()


def raw_tables() -> list[AssetsDefinition]:
    """Every raw table: those of the registry's sources, of the chains, and what is computed here."""
    sources = map(raw_table, registry.sources())
    return [*sources, bitcoin_raw, evm_raw, own_seeds_raw, holder_series_definitions, nyse_raw, control]


def publishing(models: AssetsDefinition) -> AssetsDefinition:
    """The published folder, made once every model is built and every check has passed."""

    @asset(key="published", deps=models.keys, group_name="published", kinds={"duckdb", "parquet"})
    def published(home: ResourceParam[Home], settings: ResourceParam[Settings]) -> MaterializeResult:
        """The marts as a DuckDB file and as Parquet, swapped in as a whole."""
        with home.lock():
            folder = publish.publish(home, last_readings(home.lake), now(), settings.publish.keep_builds)
        return MaterializeResult(metadata={"folder": str(folder)})

    return published
