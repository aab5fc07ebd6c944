"""The assets around dbt: raw tables, keyed as in the lake, on the one side and the published folder on the other."""

from collections.abc import Iterator
from types import ModuleType

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

from ingestion.bitcoin import ledger
from ingestion.evm import ledger as tokens
from ingestion.refresh import last_readings
from ingestion.sources import holder_series, nyse
from orchestration import sources
from orchestration.home import Home, IngestMode, Settings, now
from orchestration.publishing import publish
from orchestration.sources import Told


def source_asset(source: ModuleType) -> AssetsDefinition:
    """The raw table of one source; a source that fails keeps its rows and fails a check, never the run."""
    key = AssetKey([source.SOURCE, source.TABLE])

    @asset(
        key=key,
        group_name="sources",
        kinds={"parquet"},
        description=source.__doc__,
        check_specs=[AssetCheckSpec("read_without_failure", asset=key)],
    )
    def ingest(home: ResourceParam[Home], gathering: ResourceParam[IngestMode], told: ResourceParam[Told]):
        with home.lock():
            reading = sources.update(source, home, gathering)
        told(reading)
        return MaterializeResult(
            metadata={"captures_read": reading.captures, "observations_added": reading.added, "mode": reading.mode},
            check_results=[
                AssetCheckResult(
                    passed=not reading.failures,
                    severity=AssetCheckSeverity.WARN,
                    metadata={"failures": list(reading.failures)},
                )
            ],
        )

    return ingest


@multi_asset(
    name="bitcoin_chain",
    specs=[AssetSpec([ledger.SOURCE, table], group_name="sources", kinds={"parquet"}) for table in ledger.TABLES],
)
def chain(home: ResourceParam[Home], gathering: ResourceParam[IngestMode]) -> Iterator[MaterializeResult]:
    """What coins were spent and created on a chain, by day; nodes are read by `flowhouse ingest bitcoin`."""
    with home.lock():
        sources.update_chain(home, gathering)
    for table in ledger.TABLES:
        yield MaterializeResult(asset_key=[ledger.SOURCE, table])


@multi_asset(
    name="account_chains",
    specs=[AssetSpec([tokens.SOURCE, table], group_name="sources", kinds={"parquet"}) for table in tokens.TABLES],
)
def account_chains(home: ResourceParam[Home], gathering: ResourceParam[IngestMode]) -> Iterator[MaterializeResult]:
    """Token transfers and stress events of account chains; providers are asked by `flowhouse ingest evm`."""
    with home.lock():
        sources.update_tokens(home, gathering)
    for table in tokens.TABLES:
        yield MaterializeResult(asset_key=[tokens.SOURCE, table])


@asset(key=[nyse.SOURCE, nyse.TABLE], group_name="sources", kinds={"parquet"}, description=nyse.__doc__)
def sessions(home: ResourceParam[Home]) -> None:
    with home.lock():
        sources.update_sessions(home)


@asset(
    key=[holder_series.SOURCE, holder_series.DEFINITIONS],
    deps=[[holder_series.SOURCE, holder_series.TABLE]],
    group_name="sources",
    kinds={"parquet"},
)
def series_definitions(home: ResourceParam[Home]) -> None:
    """The definitions that users chose for their own series, from the provenance of their files."""
    with home.lock():
        sources.update_definitions(home)


@asset(key=["flowhouse", "control"], group_name="sources", kinds={"parquet"})
def control(home: ResourceParam[Home]) -> None:
    """One row that says until when observations count."""
    with home.lock():
        home.write_control()


raw_tables = [*map(source_asset, sources.SOURCES), chain, account_chains, series_definitions, sessions, control]


def publishing(models: AssetsDefinition) -> AssetsDefinition:
    """The published folder, made once every model is built and every check has passed."""

    @asset(key="published", deps=models.keys, group_name="published", kinds={"duckdb", "parquet"})
    def published(home: ResourceParam[Home], settings: ResourceParam[Settings]) -> MaterializeResult:
        """The marts as a DuckDB file and as Parquet, swapped in as a whole."""
        with home.lock():
            folder = publish.publish(home, last_readings(home.lake), now(), settings.keep_builds)
        return MaterializeResult(metadata={"folder": str(folder)})

    return published
