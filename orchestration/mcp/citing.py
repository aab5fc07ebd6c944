"""A figure with all that it rests on: its row, the rows it is made of, the pages, and the query that gives it again."""

from collections.abc import Mapping
from typing import Any

import duckdb

from ingestion.errors import UsageError
from orchestration.home import Home
from orchestration.mcp.catalogue import Mart
from orchestration.mcp.json_values import to_json
from orchestration.mcp.origins import origin_of
from orchestration.mcp.warehouse import Opened

SHOWN_MATCHES = 50


def cite(
    home: Home, opened: Opened, con: duckdb.DuckDBPyConnection, mart_name: str, key: Mapping[str, Any], column: str
) -> dict[str, Any]:
    """All that one figure rests on.

    Args:
        mart_name: such as etf_fund_daily.
        key: values of enough columns to name one row, such as {"ticker": "IBIT", "trade_date": "2025-11-04"}.
        column: whose value is cited.

    Raises:
        UsageError: there is no such mart, column or row, or several rows.
    """
    mart = find_mart(opened, mart_name)
    for name in (*key, column):
        if name not in mart.columns:
            raise UsageError(f"{mart.name} has no column {name}: it has {', '.join(mart.columns)}.")
    where, values = _condition(mart, key)
    row = _one_row(con, mart, where, values)
    origin = origin_of(con, home, opened.marts, mart, row)
    described = mart.columns[column]
    return {
        "figure": {
            "mart": mart.name,
            "column": column,
            "value": to_json(row[column]),
            "unit": described.unit,
            "meaning": described.meaning,
            "key": {name: to_json(row[name]) for name in mart.key or tuple(key)},
        },
        "query": _literal_query(mart, row, column, tuple(key)),
        "row": to_json(row),
        "grain": mart.grain,
        "completeness": {name: to_json(row[name]) for name in mart.states},
        "dates": {name: mart.columns[name].meaning for name in mart.columns if mart.columns[name].type == "DATE"},
        "made_of": [{"rows_of": what, "query": query} for what, query in origin.made_of],
        "observations": [to_json(observation) for observation in origin.observations],
        "observations_left_out": origin.left_out,
        "pages": [to_json(page) for page in origin.pages],
        "notes": origin.notes,
    }


def find_mart(opened: Opened, name: str) -> Mart:
    """A mart by its name, with or without its schema.

    Raises:
        UsageError: there is none; it names those alike.
    """
    from difflib import get_close_matches

    plain = name.strip().lower().removeprefix("marts.")
    if plain in opened.marts:
        return opened.marts[plain]
    near = get_close_matches(plain, opened.marts, n=3, cutoff=0.4)
    raise UsageError(
        f"There is no mart {name}: " + (f"did you mean {', '.join(near)}?" if near else "list_marts lists them.")
    )


def _condition(mart: Mart, key: Mapping[str, Any]) -> tuple[str, list[Any]]:
    if not key:
        raise UsageError(f"The key is empty: give values of {', '.join(mart.key)}.")
    parts = [f'"{name}" is not distinct from cast(? as {mart.columns[name].type})' for name in key]
    return " and ".join(parts), [value if value is None else str(value) for value in key.values()]


def _one_row(con: duckdb.DuckDBPyConnection, mart: Mart, where: str, values: list[Any]) -> dict[str, Any]:
    try:
        found = con.execute(f'select * from marts."{mart.name}" where {where} limit {SHOWN_MATCHES}', values)
        names = [str(column[0]) for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    except duckdb.Error as error:
        raise UsageError(f"A value of the key does not fit its column: {str(error).splitlines()[0]}") from None
    if len(rows) == 1:
        return rows[0]
    if not rows:
        newest = f" Its newest {mart.newest_by} is {mart.newest}." if mart.newest_by else ""
        raise UsageError(f"{mart.name} has no such row: its key is {', '.join(mart.key)}.{newest}")
    open_columns = [name for name in mart.key if len({row[name] for row in rows}) > 1]
    choices = "; ".join(f"{name}: {', '.join(sorted({str(row[name]) for row in rows})[:8])}" for name in open_columns)
    raise UsageError(f"{len(rows)} rows have this key: add {', '.join(open_columns)} ({choices}).")


def _literal_query(mart: Mart, row: Mapping[str, Any], column: str, key: tuple[str, ...]) -> str:
    """A query that anybody can run again."""
    names = mart.key or key
    where = " and ".join(f"{name} = '{to_text(row[name])}'" for name in names if row[name] is not None)
    return f"select {', '.join(dict.fromkeys((*names, column)))} from marts.{mart.name} where {where}"


def to_text(value: object) -> str:
    """A value as SQL writes it between quotes."""
    return str(value).replace("'", "''")
