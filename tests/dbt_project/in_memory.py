"""Models of the dbt project in memory: compiled once, then run over any rows of raw tables and seeds, without dbt."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from orchestration.home import DBT_PROJECT, Home

RAW_TABLE = re.compile(r"read_parquet\('([^']+)/\*\.parquet'\)")
"""A raw table, `source/table`, as a compiled model reads it."""


@dataclass(frozen=True, repr=False)
class Node:
    """A seed or a model; the columns of a seed and of a mart have types, and a mart's key is not null and unique."""

    name: str
    schema: str
    kind: str
    sql: str
    columns: Mapping[str, str]
    key: Sequence[str]

    @property
    def table(self) -> str:
        columns = [f'"{name}" {kind}' for name, kind in self.columns.items()]
        key = [f"primary key ({', '.join(self.key)})"] if self.key else []
        return f"create table {self.schema}.{self.name} ({', '.join([*columns, *key])})"


def compiled(folder: Path, *models: str) -> list[Node]:
    """The models and all that they are made of, parents first.

    Args:
        folder: where dbt works.
    """
    home = Home(folder)
    home.build.mkdir(parents=True)
    where = {"FLOWHOUSE_BUILD_FILE": str(home.build_file), "FLOWHOUSE_RAW_PATH": f"{home.lake.root},{home.build}"}
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "compile", "--project-dir", DBT_PROJECT]
    command += ["--profiles-dir", DBT_PROJECT, "--target-path", home.dbt_target, "--log-path", home.dbt_target]
    command += ["--select", *(f"+{model}" for model in models)]
    run = subprocess.run(command, env=os.environ | where, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads((home.dbt_target / "manifest.json").read_bytes())["nodes"]
    compiled = {name for name, node in found.items() if node.get("compiled") and node["resource_type"] == "model"}
    parents = {name: [each for each in found[name]["depends_on"]["nodes"] if each in found] for name in compiled}
    order = TopologicalSorter(parents).static_order()
    return [_node(found[name], home.build_file.stem) for name in order]


def _node(node: dict[str, Any], catalogue: str) -> Node:
    if node["resource_type"] == "seed":
        with (DBT_PROJECT / node["original_file_path"]).open() as file:
            header = next(csv.reader(file))
        columns = {name: node["config"]["column_types"].get(name, "varchar") for name in header}
        return Node(node["name"], node["schema"], "seed", "", columns, ())
    sql = RAW_TABLE.sub(r'raw."\1"', node["compiled_code"]).replace(f'"{catalogue}".', "")
    is_typed = node["config"]["contract"]["enforced"]
    columns = {name: column["data_type"] for name, column in node["columns"].items()} if is_typed else {}
    key = [column for each in node["constraints"] if each["type"] == "primary_key" for column in each["columns"]]
    return Node(node["name"], node["schema"], node["config"]["materialized"], sql, columns, key)


def build(nodes: Sequence[Node], raw: Mapping[str, pl.DataFrame], seeds: Mapping[str, list[dict]]):
    """A warehouse in memory with the nodes, made of these rows; seeds that are not named have none.

    Args:
        raw: raw tables by `source/table`.
        seeds: rows by seed.
    """
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'; set threads = 1; create schema raw")
    for name, rows in raw.items():
        con.register("given", rows.to_arrow())
        con.execute(f'create table raw."{name}" as from given')
    for schema in {node.schema for node in nodes} - {"main"}:
        con.execute(f"create schema {schema}")
    for node in nodes:
        if node.kind == "seed":
            con.execute(node.table)
            _insert(con, node, seeds.get(node.name, []))
        elif node.kind == "table_macro":
            con.execute(f"create macro {node.schema}.{node.name}(ts) as table {node.sql}")
        elif node.columns:
            con.execute(f"{node.table}; insert into {node.schema}.{node.name} by name {node.sql}")
        else:
            kind = "table" if node.kind == "incremental" else node.kind
            con.execute(f"create {kind} {node.schema}.{node.name} as {node.sql}")
    return con


def _insert(con: duckdb.DuckDBPyConnection, node: Node, rows: list[dict]) -> None:
    names = list(node.columns)
    if rows:
        places = ", ".join("?" * len(names))
        values = [[row.get(name) for name in names] for row in rows]
        con.executemany(f"insert into {node.schema}.{node.name} values ({places})", values)
