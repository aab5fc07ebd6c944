"""Where a user's node is, and how to open it. Compiled code is imported only when a chain is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin.networks import NETWORKS, check_network
from ingestion.errors import UsageError

if TYPE_CHECKING:
    from ingestion.bitcoin.files.chain import FileChain
    from ingestion.bitcoin.node.chain import NodeChain
    from ingestion.bitcoin.node.client import Node
    from orchestration.settings import BitcoinNode, Settings


@dataclass(frozen=True)
class NodeFiles:
    """A node's data folder; the node may be running."""

    network: str
    datadir: Path


@dataclass(frozen=True)
class RpcNode:
    """The address of a node's JSON-RPC, without user and password, and its cookie, if any.

    Attributes:
        user, password: where there is no cookie; those of the environment where they are empty.
    """

    network: str
    url: str
    cookie: Path | None
    user: str = ""
    password: str = field(default="", repr=False)


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


def configured_locations(network: str, section: BitcoinNode) -> tuple[NodeFiles | None, RpcNode | RestNode | None]:
    """A configured node's folder and its address, of which one may be missing.

    Raises:
        UsageError: the network is unknown, both are missing, or there are two addresses.
    """
    check_network(network)
    if section.rpc and section.rest:
        raise UsageError(f"[bitcoin.{network}] has both rpc and rest: keep one of them.")
    files = NodeFiles(network, section.datadir) if section.datadir else None
    if section.rest:
        return files, RestNode(network, section.rest)
    if section.rpc:
        password = section.password.get_secret_value()
        return files, RpcNode(network, section.rpc, _cookie(network, section), section.user, password)
    if files is None:
        raise UsageError(f"[bitcoin.{network}] says no node: give it datadir, rpc or rest.")
    return files, None


def _cookie(network: str, section: BitcoinNode) -> Path | None:
    """The cookie that is named, or else the one in the node's folder, unless there is a user."""
    if section.cookie or section.user or section.datadir is None:
        return section.cookie
    beside = (section.datadir / NETWORKS[network].folder / ".cookie", section.datadir / ".cookie")
    return next((path for path in beside if path.is_file()), None)


def folder(location: NodeFiles, kept: Path | None = None, running: Node | None = None) -> FileChain:
    """The node's files, with all headers read.

    Args:
        kept: folder of the headers of former runs.
        running: the node itself, where it can be asked which blocks are valid, and for headers that the files lack.
    """
    from ingestion.bitcoin.files.block_index import Header
    from ingestion.bitcoin.files.chain import FileChain
    from ingestion.bitcoin.files.kept_headers import KeptHeaders

    def ask_headers() -> Iterator[Header]:
        for each in running.headers(0, running.tip()[0]) if running else ():
            yield Header(bytes.fromhex(each.block_hash)[::-1], bytes.fromhex(each.parent)[::-1], each.time)

    return FileChain(
        location.datadir,
        NETWORKS[location.network],
        hash_at=running.hash_at if running else None,
        kept=KeptHeaders(kept) if kept else None,
        ask_headers=ask_headers,
    )


def node(location: RpcNode | RestNode, settings: Settings) -> Node:
    """The running node."""
    from ingestion.bitcoin.node.client import Rest, Rpc

    network = NETWORKS[location.network]
    if isinstance(location, RestNode):
        return Rest(location.url, network)
    user, password = location.user, location.password
    if not user:
        user, password = settings.rpc_user, settings.rpc_password.get_secret_value()
    return Rpc(location.url, network, location.cookie, user, password)


def headers(running: Node) -> NodeChain:
    """The running node's chain, with all its headers."""
    from ingestion.bitcoin.node.chain import NodeChain

    return NodeChain(running)
