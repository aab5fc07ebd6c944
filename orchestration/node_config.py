"""Where a user's node is, and the ways to open it. Compiled code waits until a chain is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin.ingest import check_network
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError
from orchestration.home import Settings

if TYPE_CHECKING:
    from ingestion.bitcoin.files.folder import Folder
    from ingestion.bitcoin.node.chain import NodeChain
    from ingestion.bitcoin.node.client import Node


@dataclass(frozen=True)
class NodeLocation:
    """A node's data folder, or the address of its JSON-RPC (with its cookie, if any) or of its REST interface.

    Raises:
        UsageError: there is no such network, or not one place of the three is given.
    """

    network: str
    datadir: Path | None = None
    rpc: str | None = None
    rest: str | None = None
    cookie: Path | None = None

    def __post_init__(self) -> None:
        if sum(place is not None for place in (self.datadir, self.rpc, self.rest)) != 1:
            raise UsageError("A chain comes from one place: give --datadir DIR, --rpc URL or --rest URL.")
        check_network(self.network)


def folder(place: NodeLocation) -> Folder:
    """The node's files, with all headers read."""
    from ingestion.bitcoin.files.folder import Folder

    return Folder(place.datadir, NETWORKS[place.network])


def node(place: NodeLocation, settings: Settings) -> Node:
    """The running node."""
    from ingestion.bitcoin.node.client import Rest, Rpc

    network = NETWORKS[place.network]
    if place.rest:
        return Rest(place.rest, network)
    return Rpc(place.rpc, network, place.cookie, settings.rpc_user, settings.rpc_password)


def headers(running: Node) -> NodeChain:
    """The running node's chain, all headers asked for."""
    from ingestion.bitcoin.node.chain import NodeChain

    return NodeChain(running)
