"""What a build on Spark keeps of its warehouse, and what dbt is asked to build where: without Spark itself."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestration.errors import BuildFailed
from orchestration.graph import Graph, Node, NodeOutcome
from orchestration.home import Home
from orchestration.settings import Settings
from orchestration.spark import build as building
from orchestration.spark.warehouse import Warehouse

KNOWN = ("seeds/funds", "marts/flows", "marts/prices")


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.build.mkdir(parents=True)
    return home


def put(home: Home, *keys: str, is_whole: bool = True) -> None:
    """Tables as Spark leaves them."""
    for key in keys:
        folder = home.spark_warehouse / key.replace("/", ".db/")
        folder.mkdir(parents=True)
        (folder / "part.parquet").touch()
        if is_whole:
            (folder / "_SUCCESS").touch()


def kept(home: Home) -> set[str]:
    folders = home.spark_warehouse.glob("*.db/*")
    return {f"{folder.parent.name.removesuffix('.db')}/{folder.name}" for folder in folders}


def test_an_attempt_begins_with_whole_tables_of_known_models(home):
    put(home, "seeds/funds", "marts/flows", "marts/dropped")
    put(home, "marts/prices", is_whole=False)
    with Warehouse(home).attempt([], KNOWN):
        assert kept(home) == {"seeds/funds", "marts/flows"}


def test_what_a_failed_attempt_was_building_is_removed_by_the_next_whatever_that_one_builds(home):
    put(home, *KNOWN)
    with pytest.raises(BuildFailed), Warehouse(home).attempt(["marts/flows"], KNOWN):
        raise BuildFailed("no worker")
    assert kept(home) == set(KNOWN)
    with pytest.raises(BuildFailed), Warehouse(home).attempt(["marts/prices"], KNOWN):
        raise BuildFailed("no worker")
    assert kept(home) == {"seeds/funds", "marts/prices"}
    put(home, "marts/flows")
    with Warehouse(home).attempt([], KNOWN):
        assert kept(home) == {"seeds/funds"}


def test_what_an_attempt_has_built_stays(home):
    with Warehouse(home).attempt(["marts/flows"], KNOWN):
        put(home, "marts/flows")
    with Warehouse(home).attempt([], KNOWN):
        assert kept(home) == {"marts/flows"}


def test_a_session_is_told_of_raw_tables_and_kept_tables_where_they_lie(home):
    put(home, "marts/flows")
    asked: list[str] = []
    Warehouse(home).register(cast("Any", SimpleNamespace(sql=asked.append)), ["farside/flows"])
    schema, table = registered(home)
    assert asked == [
        schema,
        "create schema if not exists marts",
        table,
        f"create table marts.flows using parquet location '{home.spark_warehouse}/marts.db/flows'",
    ]


def registered(home: Home) -> tuple[str, str]:
    """What Spark is told of a raw table."""
    where = f"{home.build}/inputs/farside/flows"
    return "create schema if not exists farside", f"create table farside.flows using parquet location '{where}'"


class Dbt:
    """dbt's project, which notes what it is asked for and fails on the engine named."""

    def __init__(self, asked: list, failing: str = ""):
        self._asked, self._failing = asked, failing

    def __call__(self, home, engine, strict_claims, target="local", is_from_spark=False):
        self._target = "duckdb from spark" if is_from_spark else target
        return self

    def build(self, selection, on_node_done, **options):
        self._asked.append((self._target, list(selection), options))
        if self._target == self._failing:
            raise BuildFailed("a test failed")
        return [NodeOutcome("flows", "success", 2.0 if self._target == "spark" else 1.0, self._target)]


@pytest.fixture
def built(home, monkeypatch):
    """Builds with dbt and Spark replaced; returns what they were asked for, and the outcomes."""

    def build(affected: tuple[str, ...], selection: tuple[str, ...], failing: str = ""):
        asked: list = []
        session = nullcontext(SimpleNamespace(sql=asked.append))
        monkeypatch.setattr(building, "session", lambda *where: session)
        monkeypatch.setattr(building, "Project", Dbt(asked, failing))
        graph = Graph("digest", ("farside/flows",), {key: Node(key.split("/")[1], "model", ()) for key in KNOWN})
        try:
            return asked, building.build(home, Settings(), graph, affected, selection)[1]
        except BuildFailed:
            return asked, None

    return build


def test_all_is_built_on_spark_and_marts_once_more_on_duckdb(built, home):
    asked, outcomes = built(KNOWN, ())
    assert asked == [
        *registered(home),
        ("spark", [], {"exclude": ["path:models/semantic"]}),
        ("duckdb from spark", ["flows", "prices", "path:models/semantic"], {"indirect_selection": "cautious"}),
    ]
    assert outcomes == [NodeOutcome("flows", "success", 1.0, "duckdb from spark")]


def test_of_a_selection_views_are_made_too_for_they_live_as_long_as_their_session(built):
    asked, _ = built(("marts/flows",), ("flows",))
    assert [selection for _, selection, _ in asked[-2:]] == [
        ["flows", "config.materialized:view"],
        ["flows", "path:models/semantic"],
    ]


@pytest.mark.parametrize(("failing", "asks"), [("spark", 3), ("duckdb from spark", 4)])
def test_after_a_failure_on_either_engine_what_was_built_does_not_count(built, home, failing, asks):
    asked, outcomes = built(("marts/flows",), ("flows",), failing)
    assert (len(asked), outcomes) == (asks, None)
    state = json.loads(Path(home.build / "spark.json").read_text())
    assert state["unfinished"] == ["marts/flows"]
