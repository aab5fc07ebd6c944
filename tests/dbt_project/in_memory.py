"""Models of the dbt project in memory: compiled once, then run over any rows of raw tables and seeds, without dbt."""

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl
from filelock import FileLock

from ingestion import durable
from orchestration.graph import project_digest
from orchestration.home import DBT_PROJECT, Home

KEPT = Path(__file__).parents[2] / ".pytest_cache" / "compiled"
CATALOGUE = "build"
"""What the models call the database of the build file."""
RAW_TABLE = re.compile(r"read_parquet\('([^']+)/\*\.parquet'\)")
"""A raw table, `source/table`, as a compiled model reads it."""


def examples(count: int) -> int:
    """How many examples are tried: a quarter on another version of DuckDB than the one whose run tries all."""
    return count if duckdb.__version__.startswith("1.") else count // 4


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


def compiled(*models: str) -> list[Node]:
    """The models and all that they are made of, parents first."""
    found = _manifest()
    parents = {
        name: [each for each in node["depends_on"].get("nodes", []) if each in found] for name, node in found.items()
    }
    wanted = {name for name, node in found.items() if node["resource_type"] == "model" and node["name"] in models}
    assert {found[name]["name"] for name in wanted} == {*models}
    while more := {parent for name in wanted for parent in parents[name]} - wanted:
        wanted |= more
    order = TopologicalSorter({name: parents[name] for name in sorted(wanted)}).static_order()
    return [_node(found[name]) for name in order]


def data_test(name: str) -> str:
    """The query of a test of rows: it finds those that fail."""
    found = [node for node in _manifest().values() if node["resource_type"] == "test" and node["name"] == name]
    return _query(found[0])


@cache
def _manifest() -> dict[str, dict[str, Any]]:
    """The seeds, models and tests as dbt compiles them, in 20 s of CPU: kept for all tests of this very code."""
    digest = hashlib.sha256(repr([project_digest(), version("dbt-core"), version("dbt-duckdb")]).encode()).hexdigest()
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / f"{digest}.json"
    with FileLock(KEPT / ".lock"):
        if not kept.exists():
            for other in KEPT.glob("*.json"):
                other.unlink()
            with TemporaryDirectory() as folder:
                durable.write({kept: _compile(Home(Path(folder)))})
    nodes = json.loads(kept.read_bytes())["nodes"]
    return {name: node for name, node in nodes.items() if node["resource_type"] in ("seed", "model", "test")}


def _compile(home: Home) -> bytes:
    home.build.mkdir(parents=True)
    where = {"FLOWHOUSE_BUILD_FILE": str(home.build_file), "FLOWHOUSE_RAW_PATH": f"{home.lake.root},{home.build}"}
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "compile", "--project-dir", DBT_PROJECT]
    command += ["--profiles-dir", DBT_PROJECT, "--target-path", home.dbt_target, "--log-path", home.dbt_target]
    run = subprocess.run(command, env=os.environ | where, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return (home.dbt_target / "manifest.json").read_bytes()


def _node(node: dict[str, Any]) -> Node:
    if node["resource_type"] == "seed":
        with (DBT_PROJECT / node["original_file_path"]).open() as file:
            header = next(csv.reader(file))
        columns = {name: node["config"]["column_types"].get(name, "varchar") for name in header}
        return Node(node["name"], node["schema"], "seed", "", columns, ())
    is_typed = node["config"]["contract"]["enforced"]
    columns = {name: column["data_type"] for name, column in node["columns"].items()} if is_typed else {}
    key = [column for each in node["constraints"] if each["type"] == "primary_key" for column in each["columns"]]
    return Node(node["name"], node["schema"], node["config"]["materialized"], _query(node), columns, key)


def _query(node: dict[str, Any]) -> str:
    return RAW_TABLE.sub(r'raw."\1"', node["compiled_code"]).replace(f'"{CATALOGUE}".', "")


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
