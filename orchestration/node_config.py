"""Where a user's node is, and how to open it. Compiled code is imported only when a chain is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin.networks import NETWORKS, check_network
from ingestion.errors import UsageError

if TYPE_CHECKING:
    from ingestion.bitcoin.files.chain import FileChain
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
    """The location of a node from the options.

    Raises:
        UsageError: the network is unknown, or not exactly one of the three locations is given.
    """
    locations = [
        *([NodeFiles(network, datadir)] if datadir is not None else []),
        *([RpcNode(network, rpc, cookie)] if rpc is not None else []),
        *([RestNode(network, rest)] if rest is not None else []),
    ]
    if len(locations) != 1:
        raise UsageError("A chain has one source: give one of --datadir DIR, --rpc URL and --rest URL.")
    check_network(network)
    return locations[0]


def folder(location: NodeFiles) -> FileChain:
    """The node's files, with all headers read."""
    from ingestion.bitcoin.files.chain import FileChain

    return FileChain(location.datadir, NETWORKS[location.network])


def node(location: RpcNode | RestNode, settings: Settings) -> Node:
    """The running node."""
    from ingestion.bitcoin.node.client import Rest, Rpc

    network = NETWORKS[location.network]
    if isinstance(location, RestNode):
        return Rest(location.url, network)
    return Rpc(location.url, network, location.cookie, settings.rpc_user, settings.rpc_password.get_secret_value())


def headers(running: Node) -> NodeChain:
    """The running node's chain, with all its headers."""
    from ingestion.bitcoin.node.chain import NodeChain

    return NodeChain(running)
