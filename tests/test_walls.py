"""Walls that imports do not show: who reads the environment, who writes files, what unit tests may import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted((ROOT / "ingestion").rglob("*.py")) + sorted((ROOT / "orchestration").rglob("*.py"))
UNIT_TESTS = sorted((ROOT / "tests/ingestion").rglob("*.py")) + sorted((ROOT / "tests/dbt_project").glob("*.py"))
WRITERS = {
    "ingestion/archive.py",
    "ingestion/lake/tables.py",
    "ingestion/sample/node_files.py",  # a node's files, into a temporary folder
    "orchestration/publishing/sql_engine.py",  # the SQL page and its engine
    "orchestration/publishing/publish.py",
    "orchestration/publishing/published.py",
    "orchestration/home.py",
}
WRITES = {"mkdir", "write_bytes", "write_text", "write_parquet", "unlink", "rmtree", "symlink_to"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def attributes(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", [path for path in CODE if name(path) != "orchestration/home.py"], ids=name)
def test_only_resources_reads_the_environment(path):
    assert not {"environ", "getenv"} & set(attributes(path))


@pytest.mark.parametrize("path", [path for path in CODE if name(path) not in WRITERS], ids=name)
def test_only_these_modules_write_files(path):
    assert not WRITES & set(attributes(path))


@pytest.mark.parametrize("path", UNIT_TESTS, ids=name)
def test_unit_tests_never_import_dagster(path):
    assert not {"dagster", "dagster_dbt"} & set(imports(path))
