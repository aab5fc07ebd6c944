"""History that many hands read at the same time, as assets with a partition for each range of blocks.

The increment stays one step of the pipeline, which takes the ranges that are read to the end.
"""

import warnings
from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    BackfillPolicy,
    BetaWarning,
    Failure,
    MaterializeResult,
    ResourceParam,
    RetryRequested,
    StaticPartitionsDefinition,
    asset,
)

from ingestion.errors import IngestionError
from ingestion.evm.ranges import Range
from ingestion.printable import printable
from orchestration import chains
from orchestration.chain_reading import EvmChain, sentence
from orchestration.errors import HomeBusy
from orchestration.home import Home
from orchestration.settings import Settings

RANGES = "evm_ranges"
"""Begins the keys of these assets."""
RETRIES, RETRY_SECONDS = 3, 60
"""Where another process reads the same range; what providers answer is asked again by the transport."""


# A backfill policy is said to be in beta at every start, to people who can do nothing about it.
warnings.filterwarnings("ignore", "Parameter `backfill_policy`", BetaWarning)


def histories(settings: Settings) -> Iterator[AssetsDefinition]:
    """An asset for each account chain whose history is read in ranges."""
    for chain in chains.configured(settings):
        if isinstance(chain, EvmChain) and chain.ranges:
            yield _history(chain)


def _history(chain: EvmChain) -> AssetsDefinition:
    @asset(
        key=[RANGES, chain.network],
        partitions_def=StaticPartitionsDefinition([str(each) for each in chain.ranges]),
        backfill_policy=BackfillPolicy.multi_run(max_partitions_per_run=1),
        group_name="chains",
        kinds={"parquet"},
        description=f"Events of {chain.network} in ranges of blocks, until the next reading of the chain takes them.",
    )
    def read(context: AssetExecutionContext, home: ResourceParam[Home]) -> MaterializeResult:
        settings, blocks = Settings.read(home.root), Range.parse(context.partition_key)
        if settings.publishers.mode != "live":
            raise _refused("publishers.mode is held: write live, or run `flowhouse ingest evm --blocks`.")
        now = next((each for each in chains.configured(settings) if each.name == chain.name), chain)
        assert isinstance(now, EvmChain)
        try:
            result = chains.ingest_range(home, settings, now, blocks, chains.log_progress(context.log.info, now))
        except HomeBusy as error:
            raise RetryRequested(RETRIES, RETRY_SECONDS) from error
        except (IngestionError, OSError) as error:
            raise _refused(sentence(error)) from error
        if result.failures:
            raise _refused(" ".join(result.failures))
        return MaterializeResult(metadata={"blocks_read": result.captures, "events_read": result.added})

    return read


def _refused(said: str) -> Failure:
    return Failure(printable(said), allow_retries=False)
