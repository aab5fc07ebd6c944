"""The server: its tools, what it tells a model before the first question, and its life over standard input and output.

A client starts it as `flowhouse mcp --home DIR`; it opens no socket and writes nothing but the protocol.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import duckdb
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from ingestion.errors import IngestionError
from orchestration.answers.answers import answers
from orchestration.errors import PublishedDamaged
from orchestration.home import Home
from orchestration.mcp.catalogue import Mart
from orchestration.mcp.citing import cite as cite_figure
from orchestration.mcp.citing import find_mart
from orchestration.mcp.json_values import to_json
from orchestration.mcp.querying import MOST_ROWS, run
from orchestration.mcp.warehouse import Opened, Warehouse

INSTRUCTIONS = """\
A warehouse of who buys and sells Bitcoin, Ether and their peers: US spot funds, long-term holders on the chain, prices,
and published claims that were checked. Every figure can be cited down to the page it came from.

Begin with list_marts: the desk marts come first and have one row per fund or asset and session, with one source chosen
by a rule and named in a column, so that a plain sum over them is right. Other marts hold several sources, conventions
or definitions side by side: choose one of each before summing. describe_mart has the columns, units and keys.

Say with each figure: its unit, what its date means (trade_date is the New York session of the trade, weeks start on
Monday, other days are UTC), and whether it is complete. A null is not zero: it was not reported, or cannot be known.
Networks regtest and anvil are simulated. Cite a figure before you state it: the tool cite has its page and checksum."""

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
NO_WAREHOUSE = (IngestionError, PublishedDamaged)
Answer = dict[str, Any]


def build_server(warehouse: Warehouse) -> MCPServer:
    """The server over a home's newest build."""
    server = MCPServer(
        "flowhouse",
        title="flowhouse: who sells, who buys, and can I check it?",
        instructions=INSTRUCTIONS,
        version=version("flowhouse"),
        log_level="WARNING",
    )
    for tool in (list_marts, describe_mart, query, claims, cite):
        server.add_tool(tool(warehouse), name=tool.__name__, description=tool.__doc__, annotations=READS)
    return server


def serve(home: Home) -> None:
    """Answer over standard input and output until the client closes it."""
    warehouse = Warehouse(home)
    threading.Thread(target=warehouse.warm_up, daemon=True).start()
    try:
        build_server(warehouse).run("stdio")
    finally:
        warehouse.close()


def list_marts(warehouse: Warehouse) -> Callable[[], Answer]:
    """Every mart with its grain, rows and newest date; the desk marts, to ask first, lead."""

    def answer() -> Answer:
        with _reading(warehouse) as (opened, _):
            marts = [_summary(mart) for mart in opened.marts.values()]
            return {"marts": marts, "about": opened.about()}

    return answer


def describe_mart(warehouse: Warehouse) -> Callable[..., Answer]:
    """The columns of a mart with units and meanings, its key, and what else to know before quoting it."""

    def answer(mart: Annotated[str, Field(description="Its name, such as etf_fund_daily.")]) -> Answer:
        with _reading(warehouse) as (opened, _):
            found = find_mart(opened, mart)
            columns = [
                {"name": each.name, "type": each.type, "unit": each.unit, "meaning": each.meaning}
                for each in found.columns.values()
            ]
            return {
                **_summary(found),
                "description": found.description,
                "key": list(found.key),
                "says_whether_complete": found.states,
                "columns": columns,
                "about": opened.about(),
            }

    return answer


def query(warehouse: Warehouse) -> Callable[..., Answer]:
    """Run one read-only DuckDB `select` over the marts (schema marts), with at most 1,000 rows, 200 kB and 10 seconds.

    Files, the network, settings and writes are out of reach. The answer has each column's unit and says what is not
    complete.
    """

    def answer(
        sql: Annotated[str, Field(description="One select, such as: select * from etf_market_daily limit 5")],
        limit: Annotated[int, Field(ge=1, le=MOST_ROWS, description="How many rows at most.")] = 100,
    ) -> Answer:
        with _reading(warehouse) as (opened, con):
            return run(opened, con, sql, limit) | {"sql": sql, "about": opened.about()}

    return answer


def claims(warehouse: Warehouse) -> Callable[..., Answer]:
    """What the press claimed, with verdicts; with a claim_id, its quote and each way in which it was checked."""

    def answer(
        claim_id: Annotated[str | None, Field(description="Such as A36; without it, all of them.")] = None,
    ) -> Answer:
        with _reading(warehouse) as (opened, con):
            if claim_id is None:
                return {"claims": _records(con, answers()["claims_ledger"].sql), "about": opened.about()}
            found = _records(con, "select * from marts.claims where lower(claim_id) = lower(?)", claim_id)
            if not found:
                raise ToolError(f"There is no claim {claim_id}: claims without an id lists them.")
            checks = _records(con, answers()["claim_checks"].sql, claim_id)
            return {"claim": found[0], "checks": checks, "about": opened.about()}

    return answer


def cite(warehouse: Warehouse) -> Callable[..., Answer]:
    """What one figure rests on: its query and row, printed observations, each page with address, sha256, time."""

    def answer(
        mart: Annotated[str, Field(description="The mart that the figure is from, such as etf_fund_daily.")],
        key: Annotated[
            dict[str, Any], Field(description='Its row, such as {"ticker": "IBIT", "trade_date": "2025-11-04"}.')
        ],
        column: Annotated[str, Field(description="The column of the figure, such as net_flow_usd.")],
    ) -> Answer:
        with _reading(warehouse) as (opened, con):
            return cite_figure(warehouse.home, opened, con, mart, key, column) | {"about": opened.about()}

    return answer


@contextmanager
def _reading(warehouse: Warehouse) -> Iterator[tuple[Opened, duckdb.DuckDBPyConnection]]:
    """A cursor on the newest build; what goes wrong is told to the model in the sentence that a person would read."""
    try:
        with warehouse.reading() as opened:
            yield opened
    except NO_WAREHOUSE as error:
        raise ToolError(str(error)) from None


def _summary(mart: Mart) -> Answer:
    newest = {"newest": str(mart.newest), "newest_by": mart.newest_by} if mart.newest else {}
    return {"name": mart.name, "grain": mart.grain, "is_desk": mart.is_desk, "rows": mart.rows} | newest


def _records(con: duckdb.DuckDBPyConnection, sql: str, *parameters: object) -> list[Answer]:
    found = con.execute(sql, list(parameters))
    names = [str(column[0]) for column in found.description or ()]
    return [{name: to_json(value) for name, value in zip(names, row, strict=True)} for row in found.fetchall()]
