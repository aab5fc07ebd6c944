"""Walls that imports do not show: who reads the environment, who writes files, what unit tests may import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted((ROOT / "ingestion").rglob("*.py")) + sorted((ROOT / "orchestration").rglob("*.py"))
UNIT_TESTS = sorted((ROOT / "tests/ingestion").rglob("*.py")) + sorted((ROOT / "tests/dbt_project").glob("*.py"))
WRITERS = (
    "ingestion/archive.py",
    "ingestion/bitcoin/files/kept_headers.py",
    "ingestion/lake/",
    "ingestion/sample/",  # a node's files, into a temporary folder
    "orchestration/home.py",
    "orchestration/instance.py",
    "orchestration/publishing/",
    "orchestration/spool.py",  # removes what was filed
    "orchestration/serving/",  # a temporary folder
)
ENVIRONMENT = "orchestration/environment.py"
WRITES = {
    *("mkdir", "write_bytes", "write_text", "write_parquet", "sink_parquet", "write_csv", "touch"),
    *("unlink", "rmdir", "rmtree", "symlink_to", "hardlink_to", "copyfile", "copytree"),
}


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


@pytest.mark.parametrize("path", [path for path in CODE if name(path) != ENVIRONMENT], ids=name)
def test_only_one_module_reads_the_environment(path):
    assert not {"environ", "getenv"} & set(attributes(path))


@pytest.mark.parametrize("path", [path for path in CODE if not name(path).startswith(WRITERS)], ids=name)
def test_only_these_rooms_write_files(path):
    assert not WRITES & set(attributes(path))


@pytest.mark.parametrize("path", UNIT_TESTS, ids=name)
def test_unit_tests_never_import_dagster(path):
    assert not {"dagster", "dagster_dbt"} & set(imports(path))


def test_every_room_that_may_write_is_there():
    assert all((ROOT / room).exists() for room in (*WRITERS, ENVIRONMENT))
