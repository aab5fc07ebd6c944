"""The official client, connected to `flowhouse mcp` over standard input and output."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")

Ask = Callable[..., Any]
"""Calls a tool by its name and arguments; returns its result as the client has it."""


@contextmanager
def connected(home: Path) -> Iterator[Ask]:
    """Ask the tools of a server that a client started for a home."""
    server = StdioServerParameters(command=str(FLOWHOUSE), args=["mcp", "--home", str(home)])
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(stdio_client(server))) as client,
    ):

        def ask(tool: str, **arguments: Any) -> Any:
            return portal.call(client.call_tool, tool, arguments)

        yield ask


@pytest.fixture(scope="session")
def connect() -> Callable[[Path], AbstractContextManager[Ask]]:
    """Connects to a server of its own."""
    return connected


@pytest.fixture(scope="module")
def ask(sample_home) -> Iterator[Ask]:
    """Asks the tools over the sample."""
    with connected(sample_home) as call:
        yield call
