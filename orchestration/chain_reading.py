"""How one chain is read into the lake: from a node's files, a running node, or the providers of an account chain."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ingestion.bitcoin import ledger as coins
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import IngestionError
from ingestion.evm import ledger as events
from ingestion.evm.block_range import BlockRange
from ingestion.evm.errors import WrongChain
from ingestion.evm.ranges import Range, Ranges, planned
from orchestration import node_config, own_seeds, seeds
from orchestration.errors import HomeBusy
from orchestration.home import Home
from orchestration.leave_sample import leave_sample

if TYPE_CHECKING:
    from ingestion.bitcoin.files.chain import FileChain
    from ingestion.bitcoin.node.client import Node
    from ingestion.bitcoin.watched import Watched
    from orchestration.node_config import NodeFiles
    from orchestration.settings import BitcoinNode, EvmProvider, Settings

LOG = logging.getLogger("flowhouse")
MANY_BLOCKS = 1_000
"""Where more are missing, a node's files are read before the node is asked: it takes about 0.5 s for a block."""

Progress = Callable[[int, int, int], None]
"""Called with what is done and all there is, in blocks or in bytes of them, and with the coins or events in it."""


@dataclass(frozen=True)
class BitcoinChain:
    """A UTXO chain and the node that serves it.

    Attributes:
        must_begin: the snapshot is not only for an empty lake: an error where the lake holds blocks.
    """

    source: ClassVar[str] = coins.SOURCE
    network: str
    node: BitcoinNode
    must_begin: bool = False

    @property
    def name(self) -> str:
        """What the chain is called, such as bitcoin/main."""
        return f"{self.source}/{self.network}"


@dataclass(frozen=True)
class EvmChain:
    """An account chain and its providers, of which the next is asked where one is down.

    Attributes:
        part: the range of its history that is read by itself, in place of what is new of the chain.
    """

    source: ClassVar[str] = events.SOURCE
    network: str
    provider: EvmProvider
    blocks: BlockRange = field(default_factory=BlockRange)
    part: Range | None = None

    @property
    def name(self) -> str:
        """What the chain is called, such as evm/ethereum; of a part, with its blocks."""
        return f"{self.source}/{self.network}" + (f" {self.part}" if self.part else "")

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The ranges that its history is to be read in."""
        width = self.provider.range_blocks
        return planned(self.provider.from_block, width) if width else ()


ChainConfig = BitcoinChain | EvmChain


@dataclass
class Tally:
    """What a reading came to so far, whether it ends well or not."""

    blocks: int = 0
    counted: int = 0
    failures: list[str] = field(default_factory=list[str])

    def add(self, blocks: int, counted: int) -> None:
        """Count blocks, and the coins or events in them."""
        self.blocks += blocks
        self.counted += counted


def bring_up_to_date(
    home: Home, settings: Settings, chain: ChainConfig, tally: Tally, progress: Progress | None
) -> None:
    """Read what is new of a chain; under the chain's lock.

    Args:
        tally: what it comes to, counted as it goes on.

    Raises:
        IngestionError, OSError: as nodes, providers and files raise it; what was stored stays.
        HomeBusy: another process wrote to the home all the time.
    """
    if isinstance(chain, BitcoinChain):
        _read_bitcoin(home, settings, chain, tally, progress)
    else:
        _read_evm(home, settings, chain, tally, progress)


def sentence(error: Exception) -> str:
    """An error as a failure of its chain; no text of errors that nobody foresaw, which may have an address in it."""
    if isinstance(error, IngestionError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be read or written ({error.strerror}): get access to it, or make room."
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f" in {Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno}" if place else ""
    return f"it could not be read ({type(error).__name__}{where}): run `flowhouse --debug ingest` and report it."


def _open_lake(home: Home, chain: ChainConfig) -> None:
    """Leave the sample behind, and create the chain's tables; once somebody answers, so that else nothing changes."""
    with home.lock():
        if home.is_sample:
            LOG.warning("This home held the bundled sample; its rows are left out from now on.")
            leave_sample(home)
        (coins if isinstance(chain, BitcoinChain) else events).create_tables(home.lake)


def _read_bitcoin(home: Home, settings: Settings, chain: BitcoinChain, tally: Tally, progress: Progress | None) -> None:
    """Read a node's files where much is missing or there is no address, then the rest from the node."""
    files, address = node_config.configured_locations(chain.network, chain.node)
    node = None
    if address is not None:
        try:
            node = node_config.node(address, settings)
        except IngestionError as error:
            if files is None:
                raise
            tally.failures.append(str(error))
    if node is None:
        assert files is not None
        folder, height = _folder(home, chain, files), _held_height(home, chain)
        # files of a node that is down may be older than what it last said, which is no fault of theirs
        if not tally.failures or height is None or folder.tip_height > height:
            _read_files(home, settings, chain, folder, tally, progress)
        return
    with closing(node):
        if files is not None and _misses_many(home, chain, node):
            is_empty = _held_height(home, chain) is None
            _read_files_first(home, settings, chain, files, node, tally, progress)
            chain = replace(chain, must_begin=chain.must_begin and not is_empty)
        _read_node(home, settings, chain, node, tally, progress)


def _held_height(home: Home, chain: BitcoinChain) -> int | None:
    return None if home.is_sample else coins.read_record(home.lake, NETWORKS[chain.network]).tip_height


def _misses_many(home: Home, chain: BitcoinChain, node: Node) -> bool:
    height = _held_height(home, chain)
    return height is None or node.tip()[0] - height > MANY_BLOCKS


def _read_files_first(
    home: Home,
    settings: Settings,
    chain: BitcoinChain,
    files: NodeFiles,
    node: Node,
    tally: Tally,
    progress: Progress | None,
) -> None:
    """Read a node's files before the node is asked, which has the rest where they cannot be read or are old.

    Of the chains in the files it is the node's own that is read, whichever has more work.

    Raises:
        IngestionError, OSError: they cannot be read, and the node would have to be asked for all of the history.
    """
    height = _held_height(home, chain)
    try:
        folder = _folder(home, chain, files, node)
        if height is None or folder.tip_height > height:
            _read_files(home, settings, chain, folder, tally, progress)
    except (IngestionError, OSError) as error:
        if _held_height(home, chain) is None:
            raise
        tally.failures.append(sentence(error))


def _folder(home: Home, chain: BitcoinChain, files: NodeFiles, running: Node | None = None) -> FileChain:
    return node_config.folder(files, home.block_headers(chain.source, chain.network), running)


def _read_files(
    home: Home, settings: Settings, chain: BitcoinChain, folder: FileChain, tally: Tally, progress: Progress | None
) -> None:
    from ingestion.bitcoin import ingest as utxo

    _open_lake(home, chain)
    watched = _watched(home, settings, chain)
    if snapshot := _snapshot(home, chain):
        utxo.from_snapshot(home.lake, snapshot, folder)
    with _counted(home, chain, tally):
        tally.counted += utxo.from_files(home.lake, folder, chain.node.confirmations, progress, watched).coins
    for remark in folder.remarks:
        LOG.warning("%s: %s", chain.name, remark)


def _read_node(
    home: Home, settings: Settings, chain: BitcoinChain, node: Node, tally: Tally, progress: Progress | None
) -> None:
    from ingestion.bitcoin import ingest as utxo

    _open_lake(home, chain)
    watched = _watched(home, settings, chain)
    if snapshot := _snapshot(home, chain):
        utxo.from_snapshot(home.lake, snapshot, node_config.headers(node))
    with _counted(home, chain, tally):
        tally.counted += utxo.from_node(home.lake, node, chain.node.confirmations, progress, watched).coins


def _watched(home: Home, settings: Settings, chain: BitcoinChain) -> Watched:
    """The addresses that entities and funds are said to have on the chain, as a build will read them.

    Raises:
        UsageError: a file of the user's own rows cannot be trusted. Blocks that were read without its labels would have
            to be read again from the first.
    """
    with home.lock():
        own_seeds.create_tables(home.lake)
        for left_out in own_seeds.update(home, settings):
            LOG.warning("%s", left_out)
        return seeds.watched(chain.network, own_seeds.labels(home.lake))


def _snapshot(home: Home, chain: BitcoinChain) -> Path | None:
    """The snapshot to begin with, if any."""
    return chain.node.snapshot if chain.must_begin or _held_height(home, chain) is None else None


@contextmanager
def _counted(home: Home, chain: BitcoinChain, tally: Tally) -> Iterator[None]:
    """Count the blocks that the lake has more afterwards, those of a reading that failed too."""
    before = _held_height(home, chain)
    try:
        yield
    finally:
        after = _held_height(home, chain)
        tally.blocks += max(0, (-1 if after is None else after) - (-1 if before is None else before))


def _read_evm(home: Home, settings: Settings, chain: EvmChain, tally: Tally, progress: Progress | None) -> None:
    """Ask one provider after the other until one answers to the end.

    Raises:
        IngestionError: as the last one raised it.
    """
    *others, last = chain.provider.rpc
    failures: list[str] = []
    for url in others:
        try:
            return _read_provider(home, settings, chain, url.get_secret_value(), tally, progress)
        except IngestionError as error:
            LOG.warning("%s: %s The next provider is asked.", chain.name, error)
            failures.append(str(error))
    tally.failures += failures
    _read_provider(home, settings, chain, last.get_secret_value(), tally, progress)
    del tally.failures[: len(failures)]


def _ranges(home: Home, chain: EvmChain) -> Ranges:
    def lock(blocks: Range) -> AbstractContextManager[None]:
        return home.range_lock(chain.source, chain.network, str(blocks))

    return Ranges(home.ranges(chain.source, chain.network), lock, HomeBusy, chain.ranges)


def _read_provider(
    home: Home, settings: Settings, chain: EvmChain, url: str, tally: Tally, progress: Progress | None
) -> None:
    from ingestion.evm import ingest as accounts
    from ingestion.evm.node import Node as AccountNode
    from ingestion.evm.provider import Provider

    with closing(Provider(url)) as provider:
        node = AccountNode(provider, has_blooms=chain.provider.blooms == "filled")
        chain_id = node.chain_id()
        if chain.provider.chain_id not in (None, chain_id):
            raise WrongChain(
                f"{node.shown} serves the chain with id {chain_id}, not {chain.network} ({chain.provider.chain_id}):"
                " correct its address, or chain_id."
            )
        watch_list = seeds.load_watch_list(chain_id, chain.network, chain.provider.only, own_seeds.read(settings))
        ranges = _ranges(home, chain)
        if not chain.part:
            _open_lake(home, chain)
        so_far = (0, 0)

        def count(done: int, total: int, found: int) -> None:
            nonlocal so_far
            so_far = done, found
            if progress:
                progress(done, total, found)

        try:
            if chain.part:
                held = None if home.is_sample else home.lake
                result = accounts.read_range(ranges.lake(chain.part), held, node, watch_list, chain.part, count)
            else:
                result = accounts.from_node(home.lake, node, watch_list, chain.blocks, count, ranges)
        except BaseException:
            tally.add(*so_far)
            raise
        tally.add(result.blocks, result.events)
        tally.failures += result.failures
