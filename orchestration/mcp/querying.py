"""One read-only statement, confined to the warehouse, with limits of time, rows and bytes."""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from ingestion.errors import UsageError
from orchestration.mcp.catalogue import Mart, unit_of
from orchestration.mcp.json_values import to_json
from orchestration.mcp.selected import own_columns
from orchestration.mcp.warehouse import Opened

SECONDS = 10
MOST_ROWS = 1_000
MOST_BYTES = 200_000
"""Of the rows as JSON: about what a model reads at once."""
ALTERNATIVES = ("source", "dating_convention", "flow_source", "series", "holder_series", "definition_id", "window_days")
"""Columns of keys whose values are several answers to one question."""


def run(opened: Opened, con: duckdb.DuckDBPyConnection, sql: str, limit: int) -> dict[str, Any]:
    """Run one statement.

    Args:
        limit: how many rows are returned at most.

    Returns:
        columns with their units, rows, whether there are more, and what to know of the marts that were read.

    Raises:
        UsageError: it is not one statement that reads, does not run, or takes too long.
    """
    statement = _statement(con, sql)
    read = _marts_read(opened, con, sql)  # before the query: DuckDB 2.0 does not look while rows are left
    with _within(con, SECONDS):
        try:
            con.execute(statement)
            names = [(str(column[0]), str(column[1])) for column in con.description or ()]
            found = con.fetchmany(limit + 1)
        except duckdb.InterruptException:
            raise UsageError(f"The query was ended after {SECONDS} s: ask for less, or sum in the query.") from None
        except duckdb.Error as error:
            raise UsageError(f"The query does not run: {_one_line(error)}") from None
    own = own_columns(con, sql, [name for name, _ in names])
    rows, is_cut = _fitting([[to_json(value) for value in row] for row in found[:limit]])
    return {
        "columns": [_column(read, name, kind, own.get(name)) for name, kind in names],
        "rows": rows,
        "row_count": len(rows),
        "has_more_rows": is_cut or len(found) > limit,
        "marts": [{"name": mart.name, "grain": mart.grain} for mart in read],
        "completeness": _completeness(read, [name for name, _ in names], rows),
        "warnings": [_mixed(mart, unfixed) for mart in read if (unfixed := _unfixed(mart, sql))],
    }


def _statement(con: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    try:
        statements = con.extract_statements(sql)
    except duckdb.Error as error:
        raise UsageError(f"The query does not run: {_one_line(error)}") from None
    if len(statements) != 1:
        raise UsageError(f"Give one statement: there are {len(statements) or 'none'}.")
    if statements[0].type != duckdb.StatementType.SELECT or _first_word(sql) in ("pragma", "call"):
        raise UsageError("Only a statement that reads is run: write a `select` (or `from mart`) over the marts.")
    return statements[0]


def _first_word(sql: str) -> str:
    """The first word that is no comment."""
    tokens = [*duckdb.tokenize(sql), (len(sql), None)]
    first = next(place for place, (_, kind) in enumerate(tokens) if kind != duckdb.token_type.comment)
    return sql[tokens[first][0] : tokens[first + 1][0]].strip().lower() if first + 1 < len(tokens) else ""


@contextmanager
def _within(con: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what the connection runs after some seconds."""
    timer = threading.Timer(seconds, con.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _one_line(error: Exception) -> str:
    """The error without the picture of its place, which is of use in a terminal alone."""
    return " ".join(str(error).partition("\nLINE ")[0].split())


def _fitting(rows: Sequence[list[object]]) -> tuple[list[list[object]], bool]:
    """The rows that fit into the limit of bytes, and whether some did not.

    Raises:
        UsageError: not even the first one fits.
    """
    taken, used = 0, 0
    for row in rows:
        used += len(json.dumps(row))
        if used > MOST_BYTES:
            break
        taken += 1
    if rows and not taken:
        raise UsageError(f"One row is larger than {MOST_BYTES:,} bytes: select fewer columns, or less of a text.")
    return list(rows[:taken]), taken < len(rows)


def _marts_read(opened: Opened, con: duckdb.DuckDBPyConnection, sql: str) -> list[Mart]:
    try:
        names = {name.rpartition(".")[2].strip('"') for name in con.get_table_names(sql)}
    except duckdb.Error:  # `show tables` names none
        return []
    return [mart for name, mart in opened.marts.items() if name in names]


def _column(read: Sequence[Mart], name: str, kind: str, own: str | None) -> dict[str, Any]:
    """A column of the answer; with its unit and what it means, where it passes on a mart's own."""
    known = next((mart.columns[own] for mart in read if own and own in mart.columns), None)
    meaning = {"meaning": known.meaning} if known else {}
    return {"name": name, "type": kind, "unit": unit_of(known.name) if known else None} | meaning


def _unfixed(mart: Mart, sql: str) -> list[str]:
    """Parts of a mart's key that tell the same money or coins several times, and that a query does not name."""
    named = set(re.findall(r"\w+", sql.lower()))
    return [name for name in ALTERNATIVES if name in mart.key and name not in named]


def _mixed(mart: Mart, unfixed: Sequence[str]) -> str:
    return (
        f"{mart.name} has a row for each {' and '.join(unfixed)}, which the query does not name: a sum over its rows"
        " counts the same flows or coins several times. Choose one of each, or ask a mart of the desk."
    )


def _completeness(read: Sequence[Mart], names: Sequence[str], rows: Sequence[list[object]]) -> list[str]:
    """Sentences on what may be missing from the figures of the answer."""
    said = []
    for name in ("is_complete", "is_reported", "is_final"):
        if name in names:
            place = names.index(name)
            if lacking := sum(row[place] is not True for row in rows):
                said.append(
                    f"{lacking} of {len(rows)} rows have {name} false: their figures are not final or not all there."
                )
    for mart in read:
        unseen = [name for name in mart.states if name not in names]
        if unseen and not set(mart.states) & set(names):
            said.append(f"{mart.name} says in {', '.join(unseen)} whether a figure is all there; this answer does not.")
    return said
