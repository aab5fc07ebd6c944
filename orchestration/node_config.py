"""Where a user's node is, and the ways to open it. Compiled code waits until a chain is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin.ingest import check_network
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError

if TYPE_CHECKING:
    from ingestion.bitcoin.files.folder import Folder
    from ingestion.bitcoin.node.chain import NodeChain
    from ingestion.bitcoin.node.client import Node
    from orchestration.settings import Settings


@dataclass(frozen=True)
class NodeFiles:
    """A node's data folder; the node may be running."""

    network: str
    datadir: Path


@dataclass(frozen=True)
class RpcNode:
    """The address of a node's JSON-RPC, without user and password, and its cookie, if any."""

    network: str
    url: str
    cookie: Path | None


@dataclass(frozen=True)
class RestNode:
    """The address of a node's REST interface."""

    network: str
    url: str


NodeLocation = NodeFiles | RpcNode | RestNode


def node_location(
    network: str, datadir: Path | None, rpc: str | None, rest: str | None, cookie: Path | None
) -> NodeLocation:
    """The one place of a node that the options name.

    Raises:
        UsageError: there is no such network, or not one place of the three is given.
    """
    places = [
        *([NodeFiles(network, datadir)] if datadir is not None else []),
        *([RpcNode(network, rpc, cookie)] if rpc is not None else []),
        *([RestNode(network, rest)] if rest is not None else []),
    ]
    if len(places) != 1:
        raise UsageError("A chain comes from one place: give --datadir DIR, --rpc URL or --rest URL.")
    check_network(network)
    return places[0]


def folder(location: NodeFiles) -> Folder:
    """The node's files, with all headers read."""
    from ingestion.bitcoin.files.folder import Folder

    return Folder(location.datadir, NETWORKS[location.network])


def node(location: RpcNode | RestNode, settings: Settings) -> Node:
    """The running node."""
    from ingestion.bitcoin.node.client import Rest, Rpc

    network = NETWORKS[location.network]
    if isinstance(location, RestNode):
        return Rest(location.url, network)
    return Rpc(location.url, network, location.cookie, settings.rpc_user, settings.rpc_password)


def headers(running: Node) -> NodeChain:
    """The running node's chain, all headers asked for."""
    from ingestion.bitcoin.node.chain import NodeChain

    return NodeChain(running)
