"""Which columns of a query's answer are a mart's own, so that their unit can be told."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

KEEPS_THE_UNIT = {"sum", "min", "max", "avg", "median", "first", "last", "any_value", "arg_max", "arg_min", "max_by"}
KEEPS_THE_UNIT |= {"min_by", "lag", "lead", "first_value", "last_value", "abs"}


def own_columns(con: duckdb.DuckDBPyConnection, sql: str, names: list[str]) -> dict[str, str]:
    """The columns of tables that those of the answer pass on, unchanged or summed, by their name in the answer.

    Only of a plain select from tables: what a subquery calls `net_flow_usd` may be anything.

    Args:
        names: of the answer's columns.
    """
    ((text,),) = con.execute("select json_serialize_sql(?)", [sql]).fetchall()
    parsed = json.loads(text)
    if parsed.get("error"):
        return {}
    node = parsed["statements"][0]["node"]
    if node["type"] != "SELECT_NODE" or node["cte_map"]["map"] or not _is_of_tables(node["from_table"]):
        return {}
    passed_on: dict[str, str] = {}
    for item in node["select_list"]:
        if item["class"] == "STAR" and not item.get("replace_list"):
            passed_on = {name: name for name in names} | passed_on
        elif (column := _column(item)) is not None:
            passed_on[item["alias"] or (column if item["class"] == "COLUMN_REF" else "")] = column
        else:
            passed_on[item["alias"]] = ""
    return {name: column for name, column in passed_on.items() if column}


def _column(item: Mapping[str, Any]) -> str | None:
    if item["class"] == "COLUMN_REF":
        return item["column_names"][-1]
    inner = item.get("children") or [{}]
    is_kept = item["class"] in ("FUNCTION", "WINDOW") and item.get("function_name") in KEEPS_THE_UNIT
    return inner[0]["column_names"][-1] if is_kept and inner[0].get("class") == "COLUMN_REF" else None


def _is_of_tables(table: Mapping[str, Any]) -> bool:
    return all(each["type"] in ("BASE_TABLE", "JOIN") for each in _tables(table))


def _tables(table: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield table
    if table["type"] == "JOIN":
        yield from _tables(table["left"])
        yield from _tables(table["right"])
