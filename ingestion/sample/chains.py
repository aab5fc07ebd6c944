"""The sample's chains in the lake: read once, and dropped when real data come."""

import tempfile
from pathlib import Path

from ingestion.bitcoin import ingest as coins
from ingestion.bitcoin.ledger import CoinLedger
from ingestion.bitcoin.ledger import read_record as read_coin_record
from ingestion.bitcoin.networks import NETWORKS
from ingestion.evm import ingest as events
from ingestion.evm.ledger import EventLedger
from ingestion.evm.ledger import read_record as read_event_record
from ingestion.evm.node import Node
from ingestion.lake.tables import Lake

COIN_NETWORK = NETWORKS["regtest"]
EVENT_NETWORK = "anvil"
CONFIRMATIONS = 12
"""Three days of the UTXO chain, so that it shows days that are not final."""


def read_coin_chain(lake: Lake) -> None:
    """Read the sample's UTXO chain from files made for it, unless the lake has it."""
    if read_coin_record(lake, COIN_NETWORK).is_sample:
        return
    from ingestion.sample import holders

    with tempfile.TemporaryDirectory() as datadir:
        holders.write(Path(datadir))
        coins.from_files(lake, Path(datadir), COIN_NETWORK.name, CONFIRMATIONS, is_sample=True)


def read_event_chain(lake: Lake) -> None:
    """Read the sample's account chain from a provider made for it, unless the lake has it."""
    if read_event_record(lake, EVENT_NETWORK).is_sample:
        return
    from ingestion.sample import tokens

    events.from_node(lake, Node(tokens.Provider(tokens.chain())), tokens.WATCHED, is_sample=True)


def has_chains(lake: Lake) -> bool:
    """Whether a chain of the lake is the sample's."""
    return read_coin_record(lake, COIN_NETWORK).is_sample or read_event_record(lake, EVENT_NETWORK).is_sample


def drop_chains(lake: Lake) -> None:
    """Drop the sample's chains: sample and real rows never mix."""
    if read_coin_record(lake, COIN_NETWORK).is_sample:
        CoinLedger(lake, COIN_NETWORK).reset()
    if read_event_record(lake, EVENT_NETWORK).is_sample:
        EventLedger(lake, EVENT_NETWORK).reset()
