"""The sample read into a home of its own: its pages into the archive, its chains into the lake."""

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.archive import Archive
from ingestion.bitcoin import ingest as coins
from ingestion.bitcoin.ledger import SOURCE as COINS
from ingestion.bitcoin.networks import NETWORKS
from ingestion.evm import ingest as events
from ingestion.evm.ledger import SOURCE as EVENTS
from ingestion.evm.node import Node
from ingestion.lake.tables import Lake
from ingestion.lake.upgrade import SAMPLE_CHAIN

if TYPE_CHECKING:
    from ingestion.sample.pages import Page

COIN_NETWORK = NETWORKS["regtest"]
CONFIRMATIONS = 12
"""Three days of the UTXO chain, so that it shows days that are not final."""
NOTE = "reconstructed from the project's own table of facts"


def put_pages(archive: Archive, source: str) -> None:
    """File the sample's pages of one source."""
    for name, resource, ext, served in _pages():
        if name == source:
            archive.put(name, resource, served, ext, "reconstructed", NOTE)


def has_pages(source: str) -> bool:
    """Whether the sample has a page of a source."""
    return any(name == source for name, *_ in _pages())


@cache
def _pages() -> "tuple[Page, ...]":
    """The sample's pages, made once: 0.05 s of CPU, where each of 60 sources looks for its own."""
    from ingestion.sample.pages import pages

    return tuple(pages())


def read_coin_chain(lake: Lake) -> None:
    """Read the sample's UTXO chain from files made for it, unless the lake has all of it."""
    if lake.read_record(COINS, SAMPLE_CHAIN) is not None:
        return
    from ingestion.bitcoin.files.chain import FileChain
    from ingestion.sample import holders

    with tempfile.TemporaryDirectory() as datadir:
        holders.write(Path(datadir))
        coins.from_files(lake, FileChain(Path(datadir), COIN_NETWORK), CONFIRMATIONS)
    lake.write_record(COINS, SAMPLE_CHAIN, "")


def read_event_chain(lake: Lake) -> None:
    """Read the sample's account chain from a provider made for it, unless the lake has all of it."""
    if lake.read_record(EVENTS, SAMPLE_CHAIN) is not None:
        return
    from ingestion.sample import tokens

    events.from_node(lake, Node(tokens.Provider(tokens.chain())), tokens.WATCHED)
    lake.write_record(EVENTS, SAMPLE_CHAIN, "")
