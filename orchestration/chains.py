"""The chains that a home's nodes and providers serve: which there are, and how each is read into the lake.

A chain is read under a lock of its own, so that nothing else waits for it; the home's lock is held for seconds, before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from ingestion.errors import UsageError
from ingestion.evm.block_range import BlockRange
from ingestion.evm.ranges import Range
from ingestion.lake.parts import check_key
from ingestion.refresh import RefreshResult, write_reading
from orchestration import own_seeds, seeds
from orchestration.chain_reading import BitcoinChain, ChainConfig, EvmChain, Progress, Tally, bring_up_to_date, sentence
from orchestration.errors import HomeBusy
from orchestration.home import Home, now

if TYPE_CHECKING:
    from orchestration.settings import Settings

LOG = logging.getLogger("flowhouse")
LOG_SECONDS = 30


def configured(settings: Settings) -> list[ChainConfig]:
    """The chains that the settings have a node or a provider for."""
    utxo = [BitcoinChain(network, node) for network, node in settings.bitcoin.items()]
    accounts = [
        EvmChain(network, provider, BlockRange(provider.from_block)) for network, provider in settings.evm.items()
    ]
    return [*utxo, *accounts]


def read(home: Home, settings: Settings, chain: ChainConfig, progress: Progress | None = None) -> RefreshResult:
    """Bring a chain up to date, and record how that went as `lake/<source>/<network>.reading.json`.

    A chain that another process is reading is left to it.

    Args:
        progress: see `Progress`.

    Returns:
        blocks read as `captures`, coins or events in them as `added`, and a sentence for each failure: nothing that a
        node or a provider does raises.

    Raises:
        HomeBusy: another process wrote to the home all the time.
    """
    check_key(chain.network)
    with ExitStack() as held:
        try:
            held.enter_context(home.chain_lock(chain.source, chain.network, is_patient=False))
        except HomeBusy as error:
            LOG.warning("%s", error)
            return RefreshResult(chain.name, "live", now())
        result, _ = _read(home, settings, chain, progress)
        _record(home, result)
        return result


def ingest(home: Home, settings: Settings, chain: ChainConfig, progress: Progress | None = None) -> RefreshResult:
    """The same for a person who waits for it: the first failure that ends the reading raises.

    Raises:
        UsageError, IngestionError, OSError: as reading the chain raises it; what was stored stays.
        HomeBusy: another process read this chain, or wrote to the home, all the time.
    """
    check_key(chain.network)
    with home.chain_lock(chain.source, chain.network):
        result, error = _read(home, settings, chain, progress)
        if not isinstance(error, UsageError):  # which says nothing of the chain
            _record(home, result)
        if error:
            raise error
        return result


def ingest_range(
    home: Home, settings: Settings, chain: EvmChain, blocks: Range, progress: Progress | None = None
) -> RefreshResult:
    """Read a range of a chain's history by itself, for `ingest` or `read` to take; others may be read meanwhile.

    Returns:
        as `read`.

    Raises:
        UsageError, IngestionError, OSError: as reading the chain raises it; what was stored stays.
        HomeBusy: another process is reading the same range.
    """
    check_key(chain.network)
    with home.range_lock(chain.source, chain.network, str(blocks)):
        result, error = _read(home, settings, replace(chain, part=blocks), progress)
        if error:
            raise error
        return result


def network_of(url: str, settings: Settings) -> str:
    """The network that a provider of an account chain serves, as the seeds name it.

    Raises:
        UsageError: the seeds do not have it.
        IngestionError: as the provider names it.
    """
    from ingestion.evm.node import Node as AccountNode
    from ingestion.evm.provider import Provider

    with closing(Provider(url)) as provider:
        return seeds.load_watch_list(AccountNode(provider).chain_id(), own=own_seeds.read(settings)).network


def log_progress(say: Callable[[str], object], chain: ChainConfig) -> Progress:
    """A `Progress` that says a line at most every LOG_SECONDS, for the log of a run."""
    counted = "coins spent" if isinstance(chain, BitcoinChain) else "events"
    begun = said = time.monotonic()

    def line(done: int, total: int, count: int) -> None:
        nonlocal said
        at = time.monotonic()
        if at - said < LOG_SECONDS and done < total:
            return
        said = at
        left = (at - begun) / max(done, 1) * (total - done)
        say(f"{chain.name}: {done / max(total, 1):.0%} read, {count:,} {counted}, {left / 60:,.0f} minutes left")

    return line


def _read(
    home: Home, settings: Settings, chain: ChainConfig, progress: Progress | None
) -> tuple[RefreshResult, Exception | None]:
    """How a reading went, and the error that ended it, if any; under the chain's lock."""
    tally, ended = Tally(), None
    try:
        bring_up_to_date(home, settings, chain, tally, progress)
    except HomeBusy:
        raise
    except Exception as error:
        ended = error
        tally.failures.append(sentence(error))
    at, failures = now(), tuple(tally.failures)
    return RefreshResult(chain.name, "live", at, tally.blocks, tally.counted, failures, at, failures), ended


def _record(home: Home, result: RefreshResult) -> None:
    with home.lock():
        write_reading(home.lake, result)
