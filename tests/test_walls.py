"""Walls that imports do not show: who reads the environment, who writes files, what unit tests may import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted((ROOT / "ingestion").rglob("*.py")) + sorted((ROOT / "orchestration").rglob("*.py"))
UNIT_TESTS = sorted((ROOT / "tests/ingestion").rglob("*.py")) + sorted((ROOT / "tests/dbt_project").glob("*.py"))
DURABLE = "ingestion/durable.py"
WRITERS = (
    DURABLE,
    "ingestion/bitcoin/files/kept_headers.py",
    "ingestion/lake/",  # removes parts that no record names, and what was dropped
    "ingestion/sample/",  # a node's files, into a temporary folder
    "ingestion/streams/recorder.py",  # appends to the open segment, and removes it once it is filed
    "orchestration/home.py",
    "orchestration/instance.py",
    "orchestration/kept.py",  # drops the oldest
    "orchestration/own_definitions.py",  # removes what the user removes
    "orchestration/publishing/",
    "orchestration/spark/",  # removes tables that are not whole
    "orchestration/spool.py",  # removes what was filed
    "orchestration/serving/",  # a temporary folder
)
UNSYNCED = (
    "ingestion/bitcoin/files/kept_headers.py",  # read from the node's files again where they do not fit
    "ingestion/sample/node_files.py",  # into a temporary folder
    "orchestration/home.py",  # a probe, and settings that a person goes on to edit
    "orchestration/instance.py",  # written again at each start
    "orchestration/publishing/",  # into a hidden folder, which is synced whole
    "orchestration/serving/serve.py",  # into a temporary folder
)
"""Who writes files otherwise than through `durable`, and why a loss of power may undo it."""
DUCKDB = (
    "orchestration/quiet_duckdb.py",
    "orchestration/bi/ducklake.py",  # a program of its own
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


def renames(path: Path) -> Iterator[str]:
    """Calls that give a file another name: a frame's `rename` takes a mapping, a text's `replace` two texts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        called = f"{owner}.{node.func.attr}"
        is_of_path = node.func.attr in ("rename", "replace", "symlink_to") and len(node.args) == 1
        takes_text = is_of_path and isinstance(node.args[0], ast.Dict | ast.Constant)
        if called in ("os.replace", "os.rename", "os.renames", "os.symlink", "shutil.move") or (
            is_of_path and not takes_text
        ):
            yield called


def connects(path: Path) -> list[int]:
    """Lines that open DuckDB, whose progress goes to standard output unless it is told otherwise."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in (("duckdb", "connect"), ("duckdb", "sql"), ("duckdb", "execute"))
    ]


@pytest.mark.parametrize("path", [path for path in CODE if name(path) not in DUCKDB], ids=name)
def test_duckdb_is_opened_by_the_module_that_keeps_it_quiet(path):
    assert connects(path) == []


@pytest.mark.parametrize("path", [path for path in CODE if name(path) != DURABLE], ids=name)
def test_only_one_module_renames_files(path):
    assert [*renames(path)] == []


@pytest.mark.parametrize("path", [path for path in CODE if not name(path).startswith((DURABLE, *UNSYNCED))], ids=name)
def test_files_are_written_through_the_module_that_syncs_them(path):
    written = {"write_bytes", "write_text", "sink_parquet", "write_csv"} & set(attributes(path))
    assert not written
    assert "write_parquet" not in set(attributes(path)) or name(path).startswith("ingestion/lake/")


def test_a_rename_elsewhere_would_be_seen(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("part.replace(path)\nos.replace(a, b)\nframe.rename({'a': 'b'})\n'x'.replace('a', 'b')\n")
    assert [*renames(module)] == ["part.replace", "os.replace"]


@pytest.mark.parametrize("path", UNIT_TESTS, ids=name)
def test_unit_tests_never_import_dagster(path):
    assert not {"dagster", "dagster_dbt"} & set(imports(path))


def test_every_room_that_may_write_is_there():
    assert all((ROOT / room).exists() for room in (*WRITERS, ENVIRONMENT))
