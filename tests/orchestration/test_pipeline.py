"""The pipeline from the lake to what is published: it reads what it digests, and builds only what changed."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from lake_changes import alter_row, drop_row

from ingestion.lake.tables import Lake
from orchestration import inputs, pipeline, project
from orchestration.errors import BuildFailed
from orchestration.health.warehouse import warehouse_state
from orchestration.home import Home, now
from orchestration.ingest_mode import Held
from orchestration.outcome import Outcome, events
from orchestration.publishing import publish, published
from orchestration.settings import Settings

CHANGED = ("farside/flows", "evm/transfers", "holder_series/supply", "alternative_me/fng")
"""Raw tables of four domains, those with most marts first, so that a later build hides least of what an earlier one got
wrong; those of the recorded archive are all tried where it is there."""


@pytest.fixture
def home(sample_home, tmp_path) -> Home:
    """A copy of the sample's home."""
    return Home(shutil.copytree(sample_home, tmp_path / "home", symlinks=True))


def build(home: Home, **request: Any) -> Outcome:
    """Build what the lake holds; nothing is gathered, so that a lake changed by a test stays so."""
    outcome = Outcome()
    wanted = pipeline.Request(Held(), **request)
    pipeline.publish_changes(home, wanted, Settings(), pipeline.Listeners(), outcome)
    return outcome


def marts(folder: Path) -> Iterator[tuple[str, list[tuple]]]:
    """Every mart with all its rows, in one order."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        names = con.sql("select table_name from duckdb_tables() where schema_name = 'marts' order by 1").fetchall()
        for (name,) in names:
            yield name, con.sql(f"from marts.{name} order by all").fetchall()


def test_a_build_publishes_what_it_read_whatever_comes_in_meanwhile(home, monkeypatch):
    drop_row(home, "alternative_me/fng")
    derive = pipeline._derive

    def derive_while_more_comes_in(*arguments):
        derive(*arguments)
        drop_row(home, "alternative_me/fng")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_derive", derive_while_more_comes_in)
        first = build(home)
    second = build(home)
    assert first.is_new
    assert second.is_new
    assert first.inputs
    assert second.inputs
    assert first.inputs.fingerprint != second.inputs.fingerprint
    assert first.build_id != second.build_id
    assert not build(home).is_new


def test_dbt_reads_the_snapshot_and_not_the_lake(home, monkeypatch):
    drop_row(home, "alternative_me/fng")
    derive = pipeline._derive

    def derive_without_a_lake(*arguments):
        moved = home.lake.root.rename(home.root / "elsewhere")
        derive(*arguments)
        moved.rename(home.lake.root)

    monkeypatch.setattr(pipeline, "_derive", derive_without_a_lake)
    assert build(home).is_new


def test_a_changed_table_rebuilds_what_depends_on_it_and_nothing_else(home):
    graph = project.load(home)
    for table in CHANGED:
        names: list[str] = []
        listeners = pipeline.Listeners(on_node_done=lambda name, number, count, names=names: names.append(name))
        drop_row(home, table)
        outcome = Outcome()
        pipeline.publish_changes(home, pipeline.Request(Held()), Settings(), listeners, outcome)
        affected = {*graph.affected([table])}
        assert set(names) - graph.tests.keys() == {graph.models[key].name for key in affected}
        told = {event.asset for event in events(outcome) if event.kind != "check"}
        assert told & graph.models.keys() == affected
    partial = dict(marts(published.warehouse(home).parent))
    build(home, is_full=True)
    assert partial == dict(marts(published.warehouse(home).parent))


def coin_flow(home: Home, database: Path) -> pl.DataFrame:
    """Coins of the sample's chain by cell."""
    query = "select spend_date, birth_date, kind, coins from marts.onchain_coin_flow where network = 'regtest'"
    with duckdb.connect(str(database), read_only=True) as con:
        return con.sql(query).pl().sort("spend_date", "birth_date", "kind")


def spent_monthly(home: Home) -> pl.DataFrame:
    """The sums of the sample's chain by month and birth, and of how many rows each is."""
    query = """
        select month_number, birth_date, sum(spent_units)::bigint as units, count(*) as rows
        from intermediate.int_onchain__spent_monthly where network = 'regtest' group by all
    """
    with duckdb.connect(str(home.build_file), read_only=True) as con:
        return con.sql(query).pl().sort("month_number", "birth_date")


def test_days_of_coins_that_were_spent_as_before_stay(home):
    key = ["spend_date", "birth_date", "kind"]
    parts = [home.lake.read("bitcoin", "coin_flow", {}, part) for part in home.lake.parts("bitcoin", "coin_flow")]
    first, second, *_, newest = sorted(day for part in parts if (day := part["spend_date"].min()))
    build(home, allows_empty=True)
    with duckdb.connect(str(home.build_file)) as con:
        con.execute("update marts.onchain_coin_flow set coins = 0 where network = 'regtest'")
        # Sums stay what they were, which a test of the marts asks for.
        more = "select * replace (unnest([1, -1]) as spent_units) from intermediate.int_onchain__spent_monthly"
        con.execute(f"insert into intermediate.int_onchain__spent_monthly by name {more}")
    for which, kept in (("newest", first), ("oldest", None)):
        alter_row(home, "bitcoin/coin_flow", which)
        build(home)
        lake = [home.lake.read("bitcoin", "coin_flow", {}, part) for part in home.lake.parts("bitcoin", "coin_flow")]
        expected = pl.concat(lake).group_by(key).agg(pl.sum("coins")).sort(key)
        assert coin_flow(home, published.warehouse(home)).equals(expected)
        zeros = coin_flow(home, home.build_file).filter(coins=0)["spend_date"]
        assert zeros.is_empty() if kept is None else zeros.min() == kept and zeros.max() >= second

        day = pl.col("spend_date").dt
        month = (day.year() * 12 + day.month()).cast(pl.Int64).alias("month_number")
        months = pl.concat(lake).group_by(month, "birth_date").agg(pl.sum("amount_sats").alias("units"))
        found = spent_monthly(home)
        assert found.drop("rows").equals(months.sort("month_number", "birth_date"))
        before = {number for number in months["month_number"] if number < newest.year * 12 + newest.month}
        assert {*found.filter(rows=3)["month_number"]} == (before if kept else set())
        assert before


def test_what_a_failed_build_left_half_new_is_built_again_even_where_the_change_was_taken_back(home, monkeypatch):
    before = dict(marts(published.warehouse(home).parent))
    kept = shutil.copytree(home.lake.root / "alternative_me", home.root / "kept")
    drop_row(home, "alternative_me/fng")
    derive = pipeline._derive

    def derive_and_fail(*arguments):
        derive(*arguments)
        raise BuildFailed("a test failed.")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_derive", derive_and_fail)
        with pytest.raises(BuildFailed):
            build(home)
    assert json.loads((home.build / "last_build.json").read_text())["reason"] == "a test failed."
    shutil.rmtree(home.lake.root / "alternative_me")
    kept.rename(home.lake.root / "alternative_me")
    outcome = build(home)
    assert "marts/market_sentiment_daily" in outcome.rebuilt
    assert dict(marts(published.warehouse(home).parent)) == before
    assert json.loads((home.build / "last_build.json").read_text())["succeeded"]


def test_a_build_that_was_broken_off_is_named_until_the_next(home, monkeypatch):
    drop_row(home, "alternative_me/fng")
    states = []

    def break_off(*arguments):
        states.append(warehouse_state(home, (), now()).state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_derive", break_off)
        with pytest.raises(KeyboardInterrupt):
            build(home)
    assert states == ["ok"]  # while it is being built
    broken = warehouse_state(home, (), now())
    assert (broken.state, broken.last_build_failure) == (
        "failed",
        "it was broken off, and the next one does its work: run `flowhouse build`.",
    )
    build(home)
    assert warehouse_state(home, (), now()).state == "ok"


def test_a_full_disk_hides_neither_the_reason_nor_that_the_build_failed(home, monkeypatch):
    drop_row(home, "alternative_me/fng")
    write_text = Path.write_text

    def write_while_there_is_room(path, *arguments, **options):
        write_text(path, "")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def fill_and_fail(*arguments):
        monkeypatch.setattr(Path, "write_text", write_while_there_is_room)
        raise BuildFailed("a model failed: no space left.")

    monkeypatch.setattr(pipeline, "_derive", fill_and_fail)
    with pytest.raises(BuildFailed, match="no space left"):
        build(home)
    assert warehouse_state(home, (), now()).state == "failed"
    assert not list(home.build.glob(".*.part"))


def test_another_rule_for_claims_builds_everything_and_so_does_going_back_after_it_failed(home, monkeypatch):
    strict = Settings.model_validate({"claims": {"strict": True}})
    asked = []

    def fail(home, settings, changed, *arguments):
        asked.append(changed)
        raise BuildFailed("a test failed.")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_derive", fail)
        with pytest.raises(BuildFailed):
            pipeline.publish_changes(home, pipeline.Request(Held()), strict, pipeline.Listeners(), Outcome())
    assert asked == [None]  # no table alone
    assert set(build(home).rebuilt) == set(project.load(home).models)


def test_a_build_that_could_not_publish_is_published_by_the_next(home, monkeypatch):
    drop_row(home, "alternative_me/fng")
    with monkeypatch.context() as patch:
        patch.setattr(publish, "publish", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(home)
    assert build(home).is_new


def test_a_published_folder_that_is_gone_is_published_again(home):
    shutil.rmtree(published.warehouse(home).parent)
    (home.published / "latest").unlink()
    assert build(home).is_new
    assert dict(marts(published.warehouse(home).parent))["etf_flows_daily"]


def test_a_source_that_had_rows_and_has_none_stops_publishing(home):
    path = home.lake.root / "farside" / "flows" / "flows.parquet"
    pl.read_parquet(path).clear().write_parquet(path)
    before = published.latest(home)
    with pytest.raises(BuildFailed, match=r"farside.*--allow-empty"):
        build(home)
    assert published.latest(home) == before
    assert build(home, allows_empty=True).is_new


def test_a_home_without_a_row_publishes_nothing_unless_it_is_asked_to(tmp_path):
    home = Home(tmp_path / "new")
    pipeline.run(home, pipeline.Request(Held(), derives=False), Settings(), pipeline.Listeners(), Outcome())
    with pytest.raises(BuildFailed, match="holds no rows yet"):
        build(home)
    assert published.latest(home) is None


def test_a_new_home_whose_first_run_is_of_one_source_has_the_tables_of_all(tmp_path):
    home = Home(tmp_path / "new")
    request = pipeline.Request(Held(), sources=["farside"], derives=False)
    outcome = Outcome()
    pipeline.run(home, request, Settings(), pipeline.Listeners(), outcome)
    assert [result.source for result in outcome.results] == ["farside"]
    lacking = [table for table in project.load(home).tables if not any((home.lake.root / table).glob("*.parquet"))]
    assert lacking == [inputs.CONTROL]  # which each build writes for itself


def test_a_snapshot_takes_the_parts_that_records_name(home):
    lake = Lake(home.lake.root)
    graph = project.load(home)
    before = inputs.take(home, graph, strict_claims=False)
    lake.write("bitcoin", "coin_flow", pl.DataFrame({"n": [1]}), "btc-regtest-2025-11.999")
    after = inputs.take(home, graph, strict_claims=False)
    assert after.tables == before.tables


def flip_bits(path: Path) -> None:
    """As rot does it: other bytes, of the same size, at the same time."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("table", ["bitcoin/coin_flow", "evm/transfers", "farside/flows"])
def test_bytes_that_changed_since_they_were_written_are_never_built_on(home, table):
    before = published.latest(home)
    rotten = max((home.lake.root / table).glob("*.parquet"), key=lambda path: path.stat().st_size)
    flip_bits(rotten)
    with pytest.raises(BuildFailed, match=rf"lake/{table}/{rotten.name} is not what was written: \S+ `?\S+"):
        build(home, is_full=True)
    assert published.latest(home) == before


@pytest.mark.parametrize(
    ("file", "how"),
    [("warehouse.duckdb", "cut short"), ("manifest.json", "cut short"), ("parquet/funds.parquet", "gone")],
)
def test_a_published_file_that_is_damaged_is_not_nothing_new(home, file, how):
    folder = published.latest(home)
    assert folder
    before = dict(marts(folder))
    content = (folder / file).read_bytes()
    (folder / file).unlink()
    if how == "cut short":
        (folder / file).write_bytes(content[: len(content) // 2])
    outcome = build(home)
    assert outcome.is_new
    assert published.intact_manifest(home)
    assert dict(marts(published.warehouse(home).parent)) == before
    assert not build(home).is_new
