"""Publishing, from a build file made by hand."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import UsageError
from ingestion.refresh import RefreshResult
from orchestration.home import Home
from orchestration.publishing import publish

AT = datetime(2026, 1, 5, 6)
READINGS = [
    RefreshResult("farside", "live", AT, failures=("farside/btc: answered 403: come back later.",)),
    RefreshResult("ishares", "live", AT, captures=1, added=2),
]


@pytest.fixture
def home(tmp_path) -> Home:
    """A home whose build file holds two marts, a macro over one of them, and what must not be published."""
    home = Home(tmp_path / "home")
    home.build.mkdir(parents=True)
    home.lake.root.mkdir()
    raw = tmp_path / "raw.parquet"
    with duckdb.connect(str(home.build_file)) as con:
        con.execute(f"copy (select 1 as n) to '{raw}'")
        con.execute("create schema marts; create schema staging; create schema seeds")
        con.execute(f"create view staging.stg_raw as select * from read_parquet('{raw}')")
        con.execute("create table seeds.facts (n integer)")
        con.execute("create table marts.flows (n integer primary key, amount double not null)")
        con.execute("comment on table marts.flows is 'One row per n.'; comment on column marts.flows.n is 'A number.'")
        con.execute("insert into marts.flows values (2, 0.5), (1, 1.5)")
        con.execute("create macro marts.flows_from(first) as table select * from marts.flows where n >= first")
        con.execute("create table marts.etf_findings (kind varchar, detail varchar)")
        con.execute("insert into marts.etf_findings values ('late', 'x'), ('late', 'y')")
    return home


def published(home: Home, at: datetime = AT, keep: int = 7) -> Path:
    return publish.publish(home, READINGS, at, keep)


def test_the_marts_are_published_with_keys_comments_and_macros(home):
    folder = published(home)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        assert con.sql("select * from marts.flows_from(2)").fetchall() == [(2, 0.5)]
        assert con.sql("select comment from duckdb_columns() where column_name = 'n'").fetchall() == [("A number.",)]
        assert con.sql("select comment from duckdb_tables() where table_name = 'flows'").fetchall() == [
            ("One row per n.",)
        ]
        kinds = con.sql("select distinct constraint_type from duckdb_constraints()").fetchall()
        assert ("PRIMARY KEY",) in kinds


def test_nothing_but_the_marts_is_published(home, tmp_path):
    folder = published(home)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        tables = con.sql("select schema_name, table_name from duckdb_tables()").fetchall()
        views = con.sql("select view_name from duckdb_views() where not internal").fetchall()
    assert sorted(tables) == [("marts", "etf_findings"), ("marts", "flows")]
    assert views == []
    assert str(tmp_path).encode() not in (folder / "warehouse.duckdb").read_bytes()
    assert sorted(path.name for path in (folder / "parquet").iterdir()) == ["etf_findings.parquet", "flows.parquet"]


def test_the_manifest_says_what_went_in_and_what_came_out(home):
    folder = published(home)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["build_id"] == folder.name
    assert manifest["built_at"] == "2026-01-05T06:00:00Z"
    assert manifest["as_of"] is None
    assert manifest["failed_sources"] == ["farside"]
    assert manifest["findings"] == [{"kind": "late", "rows": 2}]
    assert manifest["marts"]["flows"]["rows"] == 2
    assert manifest["fingerprint"] == publish.fingerprint(home)
    assert {"duckdb", "dbt-core", "flowhouse"} <= manifest["versions"].keys()


def test_the_report_stands_beside_what_it_is_made_of(home):
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    past.build.mkdir()
    past.build_file.write_bytes(home.build_file.read_bytes())
    assert "as held at" in (published(home) / "report.html").read_text()
    assert 'known at\n<time datetime="2025-11-20T02:15:00+00:00">' in (published(past) / "report.html").read_text()


def test_the_same_build_gives_the_same_checksums(home):
    first, second = published(home), published(home, AT + timedelta(hours=1))
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (first, second)]
    assert manifests[0]["marts"] == manifests[1]["marts"]


def test_latest_moves_to_the_new_build_and_a_reader_keeps_the_old_one(home):
    first = published(home)
    reader = duckdb.connect(str(home.published / "latest" / "warehouse.duckdb"), read_only=True)
    second = published(home, AT + timedelta(hours=1))
    assert publish.latest(home) == second.resolve() != first.resolve()
    assert reader.sql("select count(*) from marts.flows").fetchall() == [(2,)]
    reader.close()


def test_latest_is_a_text_file_where_links_are_refused(home, monkeypatch):
    monkeypatch.setattr(Path, "symlink_to", lambda *_, **__: (_ for _ in ()).throw(OSError("not permitted")))
    folder = published(home)
    assert (home.published / "latest.txt").read_text() == folder.name
    assert publish.warehouse(home) == folder.resolve() / "warehouse.duckdb"


def test_a_publish_that_breaks_leaves_the_last_one(home):
    first = published(home)
    with duckdb.connect(str(home.build_file)) as con:
        con.execute("drop table marts.etf_findings")
    with pytest.raises(duckdb.CatalogException):
        published(home, AT + timedelta(hours=1))
    assert publish.latest(home) == first.resolve()


def test_what_a_broken_publish_left_is_removed_by_the_next(home):
    left_over = home.published / ".20260104T060000Z-broken.part"
    (left_over / "parquet").mkdir(parents=True)
    published(home)
    assert not left_over.exists()


def test_old_builds_are_removed_beyond_those_kept(home):
    for day in range(5):
        newest = published(home, AT + timedelta(days=2 * day), keep=2)
    assert len(list(home.published.glob("*/manifest.json"))) == 2 + 1  # latest is a link to the newest
    assert publish.latest(home) == newest.resolve()


def test_builds_under_a_day_old_are_kept(home):
    for hour in range(4):
        published(home, AT + timedelta(hours=hour), keep=1)
    assert len([path for path in home.published.iterdir() if not path.is_symlink()]) == 4


def test_a_build_that_cannot_be_removed_stops_nothing(home, monkeypatch):
    published(home)

    def refuse(path, *_, **__):
        raise PermissionError(path)

    monkeypatch.setattr(os, "rmdir", refuse)
    published(home, AT + timedelta(days=3), keep=1)


def test_a_build_as_of_a_time_stands_beside_the_current_one(home):
    current = published(home)
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    past.build.mkdir()
    past.build_file.write_bytes(home.build_file.read_bytes())
    for hour in range(2):
        folder = published(past, AT + timedelta(hours=hour))
        assert folder == home.published / "as_of" / "20251120T021500Z"
    assert publish.latest(home) == current.resolve()
    assert publish.latest(past) == folder.resolve()
    assert publish.manifest(past)["as_of"] == "2025-11-20T02:15:00Z"


def test_nothing_published_is_said_in_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="run `flowhouse build` first"):
        publish.warehouse(Home(tmp_path))


@pytest.mark.parametrize("suffix", [".css", ".sql"])
def test_the_fingerprint_follows_the_report_and_the_answers(home, monkeypatch, suffix):
    before = publish.fingerprint(home)
    monkeypatch.setattr(publish, "CODE", publish.CODE - {suffix})
    assert publish.fingerprint(home) != before


def test_the_fingerprint_follows_the_lake_and_the_time(home):
    before = publish.fingerprint(home)
    assert publish.fingerprint(Home(home.root, datetime(2025, 11, 20))) != before
    home.write_control()
    assert publish.fingerprint(home) == before
    (home.lake.root / "farside" / "flows").mkdir(parents=True)
    (home.lake.root / "farside" / "flows" / "flows.parquet").write_bytes(b"other")
    assert publish.fingerprint(home) != before
