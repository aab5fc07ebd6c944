"""A publication of some marts: it equals one of all, touches nothing that is published, and does not grow."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from orchestration.publishing import marts, publish, published, row_groups
from orchestration.publishing.report import drawing

HOUR = timedelta(hours=1)


def change(home, sql: str = "insert into marts.flows values (3, 2.5); delete from marts.flows where n = 1") -> None:
    with duckdb.connect(str(home.build_file)) as con:
        con.execute(sql)


def content(folder: Path) -> dict[str, list[tuple]]:
    """Everything a client sees in a published warehouse: rows in their order, types, keys, comments, macros."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        names = con.sql("select table_name from duckdb_tables() order by all").fetchall()
        seen = {name: con.sql(f"from marts.{name}").fetchall() for (name,) in names}
        for catalogue in (
            "select table_name, column_name, data_type, is_nullable, comment from duckdb_columns() where not internal",
            "select table_name, comment, sql from duckdb_tables()",
            "select table_name, constraint_text from duckdb_constraints()",
            "select function_name, macro_definition from duckdb_functions() where not internal",
            "select view_name, sql from duckdb_views() where not internal",
        ):
            seen[catalogue] = con.sql(f"{catalogue} order by all").fetchall()
        return seen


def inode(folder: Path, name: str) -> int:
    return (folder / "parquet" / f"{name}.parquet").stat().st_ino


@pytest.fixture
def first(home, publish_after) -> Path:
    return publish_after(home)


def test_a_publication_of_some_marts_equals_one_of_all(home, first, publish_after):
    change(home)
    part = publish_after(home, HOUR, changed={"flows"}, previous=first)
    whole = publish_after(home, 2 * HOUR)
    assert content(part) == content(whole) != content(first)
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (part, whole)]
    assert manifests[0]["marts"] == manifests[1]["marts"]
    assert manifests[0]["findings"] == manifests[1]["findings"]
    for folder in (part, whole):
        assert {path.name: marts.sha256(path) for path in (folder / "parquet").iterdir()} == {
            f"{name}.parquet": mart["sha256"] for name, mart in manifests[0]["marts"].items()
        }


def test_marts_that_did_not_change_are_links_and_nothing_published_changes(home, first, publish_after):
    before = {path: marts.sha256(path) for path in first.rglob("*") if path.is_file()}
    change(home)
    part = publish_after(home, HOUR, changed={"flows"}, previous=first)
    assert inode(part, "coins") == inode(first, "coins")
    assert inode(part, "flows") != inode(first, "flows")
    assert (part / "warehouse.duckdb").stat().st_ino != (first / "warehouse.duckdb").stat().st_ino
    assert {path: marts.sha256(path) for path in before} == before


def test_marts_are_copied_where_links_are_refused(home, first, publish_after, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    change(home)
    part = publish_after(home, HOUR, changed={"flows"}, previous=first)
    assert inode(part, "coins") != inode(first, "coins")
    assert content(part)["coins"] == content(first)["coins"]


def test_the_page_of_the_project_is_carried_over(home, publish_after):
    home.docs_page.parent.mkdir(parents=True)
    home.docs_page.write_text("of the first build")
    first = publish_after(home)
    home.docs_page.write_text("of a project that is not built yet")
    part = publish_after(home, HOUR, changed={"flows"}, previous=first)
    assert (part / "docs" / "index.html").read_text() == "of the first build"
    assert (publish_after(home, 2 * HOUR) / "docs" / "index.html").read_text() != "of the first build"


def tamper_warehouse(folder: Path) -> None:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute("delete from marts.coins")


def tamper_parquet(folder: Path) -> None:
    (folder / "parquet" / "coins.parquet").write_bytes(b"")


def lose_parquet(folder: Path) -> None:
    (folder / "parquet" / "coins.parquet").unlink()


def tear_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def other_versions(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"versions": {"duckdb": "1.0"}}))


def former_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["warehouse"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "spoil", [tamper_warehouse, tamper_parquet, lose_parquet, tear_manifest, other_versions, former_manifest]
)
def test_a_folder_that_is_not_as_it_was_published_is_not_carried_over(home, first, publish_after, spoil):
    spoil(first)
    part = publish_after(home, HOUR, changed={"flows"}, previous=first)
    assert not {inode(part, "coins")} & {path.stat().st_ino for path in (first / "parquet").iterdir()}
    assert len(content(part)["coins"]) == 1000


CELL = "('{}', '{}', date '2026-01-{:02}', date '2026-01-01', 'transfer', {})"
MADE = {
    "a day comes in": ("insert into marts.onchain_coin_flow values " + CELL.format("BTC", "main", 4, 1), 4),
    "the newest day is another": ("update marts.onchain_coin_flow set coins = 9 where spend_date = '2026-01-03'", 3),
    "a day in the middle is another": ("delete from marts.onchain_coin_flow where spend_date = '2026-01-02'", 2),
    "a token's earlier day is another": (
        "insert into marts.onchain_coin_flow values " + CELL.format("ABC", "anvil", 2, 5),
        4,
    ),
    "a chain is gone": (
        "delete from marts.onchain_coin_flow where network = 'test';"
        " delete from marts.onchain_blocks_daily where network = 'test'",
        2,
    ),
    "nothing is another": ("select 1", 32),
}


@pytest.mark.parametrize(("sql", "first"), MADE.values(), ids=MADE)
def test_days_of_the_coin_flow_that_did_not_change_are_published_as_before(
    home, publish_after, monkeypatch, sql, first
):
    monkeypatch.setattr(publish, "_write_report", lambda *_: None)
    rows = [CELL.format("BTC", chain, day, day) for day in (1, 2, 3) for chain in ("main", "test")]
    rows += [CELL.format(token, "anvil", day, day) for day in (1, 2, 3) for token in ("ABC", "XYZ")]
    columns = "asset varchar, network varchar, spend_date date, birth_date date, kind varchar, coins integer"
    change(home, f"create table marts.onchain_coin_flow ({columns})")
    change(home, f"insert into marts.onchain_coin_flow values {', '.join(rows)}")
    change(
        home,
        "create table marts.onchain_blocks_daily as from (values ('BTC', 'main'), ('BTC', 'test')) _(asset, network)",
    )
    before = publish_after(home)
    change(home, sql)
    unchanged = {"changed": {"onchain_coin_flow", "onchain_blocks_daily"}, "previous": before}
    part = publish_after(home, HOUR, unchanged_before=date(2026, 1, 1) + (first - 1) * 24 * HOUR, **unchanged)
    whole = publish_after(home, 2 * HOUR)
    assert content(part) == content(whole)
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (part, whole)]
    assert manifests[0]["marts"] == manifests[1]["marts"]


def test_published_days_that_are_said_not_to_have_changed_are_not_written(home, publish_after, monkeypatch):
    monkeypatch.setattr(publish, "_write_report", lambda *_: None)
    change(home, "create table marts.onchain_blocks_daily as select 'BTC' as asset, 'main' as network")
    change(
        home,
        "create table marts.onchain_coin_flow as select 'BTC' as asset, 'main' as network, n as coins,"
        " date '2026-01-01' + n::integer as spend_date, spend_date as birth_date, '' as kind from range(9) _(n)",
    )
    before = publish_after(home)
    change(home, "update marts.onchain_coin_flow set coins = 0")
    told = {"previous": before, "unchanged_before": date(2026, 1, 6)}
    part = content(publish_after(home, HOUR, changed={"onchain_coin_flow"}, **told))["onchain_coin_flow"]
    assert [row[2] for row in part] == [0, 1, 2, 3, 4, 0, 0, 0, 0]
    change(home, "delete from marts.onchain_coin_flow where spend_date = '2026-01-02'")
    rest = content(publish_after(home, 2 * HOUR, changed={"flows"}, **told))["onchain_coin_flow"]
    assert [row[2] for row in rest] == 8 * [0]


@pytest.mark.parametrize(("first", "kept"), [(1, 0), (5, 1), (9, 3), (10, 4), (12, 4)])
@pytest.mark.parametrize("is_readable", [True, False])
def test_row_groups_before_the_first_change_are_copied(home, publish_after, monkeypatch, first, kept, is_readable):
    monkeypatch.setattr(publish, "_write_report", lambda *_: None)
    monkeypatch.setattr(marts, "ROW_GROUP", 2048)
    change(home, "create table marts.onchain_blocks_daily as select 'BTC' as asset, 'main' as network")
    change(
        home,
        "create table marts.onchain_coin_flow as select 'BTC' as asset, 'main' as network, n as coins, '' as kind,"
        " date '2026-01-01' + (n // 1000)::integer as spend_date, spend_date - (n % 1000)::integer as birth_date"
        " from range(10240) _(n)",
    )
    before = publish_after(home)
    counts, extend = [], row_groups.extend

    def count(earlier: Path, count: int, rest: Path, file: Path) -> None:
        counts.append(count)
        if not is_readable:
            raise row_groups.Unknown
        extend(earlier, count, rest, file)

    monkeypatch.setattr(row_groups, "extend", count)
    day = date(2026, 1, first)
    change(home, f"update marts.onchain_coin_flow set coins = -coins where spend_date = date '{day}'")
    told = {"changed": {"onchain_coin_flow"}, "previous": before, "unchanged_before": day}
    folders = publish_after(home, HOUR, **told), publish_after(home, 2 * HOUR)
    assert counts == [kept] * bool(kept)
    files = [folder / published.parquet("onchain_coin_flow") for folder in folders]
    part, whole = [duckdb.sql(f"from '{file}'").fetchall() for file in files]
    assert part == whole
    assert content(folders[0]) == content(folders[1])
    names = {path.name for path in files[0].parent.iterdir()}
    assert names == {path.name for path in files[1].parent.iterdir()}
    if kept and is_readable:
        assert row_groups.rows(files[0])[:kept] == kept * [2048]


def test_a_former_build_that_is_gone_or_has_other_marts_is_not_carried_over(home, first, publish_after):
    gone = publish_after(home, HOUR, changed={"flows"}, previous=home.published / "gone")
    assert content(gone) == content(first)
    change(home, "create table marts.more as select 1 as n")
    assert content(publish_after(home, 2 * HOUR, changed=set(), previous=gone))["more"] == [(1,)]


def test_a_mart_with_another_number_of_rows_is_written_though_nobody_said_so(home, first, publish_after):
    change(home, "delete from marts.coins where day > date '2026-02-01'")
    part = publish_after(home, HOUR, changed={"flows"}, previous=first)
    assert content(part)["coins"] == content(publish_after(home, 2 * HOUR))["coins"]


@pytest.mark.parametrize("large", [10_000, 100_000])
def test_many_publications_do_not_make_the_file_grow(home, publish_after, monkeypatch, large):
    monkeypatch.setattr(publish, "_write_report", lambda *_: None)
    monkeypatch.setattr(marts, "LARGE_KEYED", large)
    change(home, "insert into marts.flows select n, random() from range(10, 50000) as numbers(n)")
    folder = publish_after(home)
    size = (folder / "warehouse.duckdb").stat().st_size
    for number in range(1, 7):
        folder = publish_after(home, number * HOUR, changed={"flows"}, previous=folder)
    assert (folder / "warehouse.duckdb").stat().st_size <= 1.5 * size
    assert content(folder) == content(publish_after(home, 60 * HOUR))


# Charts


CHARTS = {name: ({"mark": "bar"}, [{"x": n}], f"{name}: bars") for n, name in enumerate("ab")}


@pytest.fixture
def drawn(monkeypatch) -> list[str]:
    """Titles of what is drawn, without the time of drawing."""
    titles: list[str] = []

    def draw(_, __, title: str) -> drawing.Chart:
        titles.append(title)
        return drawing.Chart(f"<svg>{title}</svg>", title.encode())

    monkeypatch.setattr(drawing, "_drawn", draw)
    return titles


def test_a_chart_is_drawn_again_for_other_data_another_title_or_another_renderer(tmp_path, drawn, monkeypatch):
    first = drawing.draw(CHARTS, tmp_path)
    assert drawing.draw(CHARTS, tmp_path) == first
    assert drawn == ["a: bars", "b: bars"]
    specification, rows, title = CHARTS["a"]
    drawing.draw(CHARTS | {"a": (specification, CHARTS["b"][1], title)}, tmp_path)
    drawing.draw(CHARTS | {"a": ({"mark": "area"}, rows, title)}, tmp_path)
    drawing.draw(CHARTS | {"a": (specification, rows, "a: other")}, tmp_path)
    assert drawn[2:] == ["a: bars", "a: bars", "a: other"]
    monkeypatch.setattr(drawing, "_renderer", lambda: ["another"])
    drawing.draw(CHARTS, tmp_path)
    assert len(drawn) == 7


def test_charts_that_are_no_longer_drawn_are_removed(tmp_path, drawn):
    drawing.draw(CHARTS, tmp_path)
    drawing.draw({"a": CHARTS["a"]}, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_chart_of_which_a_killed_run_left_half_is_drawn_again(tmp_path, drawn):
    drawing.draw({"a": CHARTS["a"]}, tmp_path)
    next(tmp_path.glob("*.svg")).unlink()
    assert drawing.draw({"a": CHARTS["a"]}, tmp_path)["a"].png == b"a: bars"
    assert len(drawn) == 2
