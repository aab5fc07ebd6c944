"""Publishing, from a small build file made without dbt."""

import json
from datetime import datetime, timedelta

import duckdb
import pytest

from orchestration.home import Home
from orchestration.publishing import fingerprint, published


def test_the_marts_are_published_with_keys_comments_and_macros(home, publish_after):
    folder = publish_after(home)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        assert con.sql("select * from marts.flows_from(2)").fetchall() == [(2, 0.5)]
        assert con.sql("select comment from duckdb_columns() where column_name = 'n'").fetchall() == [("A number.",)]
        assert con.sql("select comment from duckdb_tables() where table_name = 'flows'").fetchall() == [
            ("One row per n.",)
        ]
        kinds = con.sql("select distinct constraint_type from duckdb_constraints()").fetchall()
        assert ("PRIMARY KEY",) in kinds


def test_nothing_but_the_marts_is_published(home, tmp_path, publish_after):
    folder = publish_after(home)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        tables = con.sql("select schema_name, table_name from duckdb_tables()").fetchall()
        views = con.sql("select view_name from duckdb_views() where not internal").fetchall()
    assert sorted(tables) == [("marts", "etf_findings"), ("marts", "flows")]
    assert views == []
    assert str(tmp_path).encode() not in (folder / "warehouse.duckdb").read_bytes()
    assert sorted(path.name for path in (folder / "parquet").iterdir()) == ["etf_findings.parquet", "flows.parquet"]


def test_the_manifest_says_what_went_in_and_what_came_out(home, publish_after):
    folder = publish_after(home)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["build_id"] == folder.name
    assert manifest["built_at"] == "2026-01-05T06:00:00Z"
    assert manifest["as_of"] is None
    assert manifest["failed_sources"] == ["farside"]
    assert manifest["findings"] == [{"kind": "late", "rows": 2}]
    assert manifest["marts"]["flows"]["rows"] == 2
    assert manifest["fingerprint"] == fingerprint.fingerprint(home)
    assert {"duckdb", "dbt-core", "flowhouse"} <= manifest["versions"].keys()


def test_the_report_stands_beside_what_it_is_made_of(home, publish_after):
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    past.build.mkdir()
    past.build_file.write_bytes(home.build_file.read_bytes())
    assert "as known at" in (publish_after(home) / "report.html").read_text()
    assert 'known at\n<time datetime="2025-11-20T02:15:00+00:00">' in (publish_after(past) / "report.html").read_text()


def test_the_same_build_gives_the_same_checksums(home, publish_after):
    first, second = publish_after(home), publish_after(home, timedelta(hours=1))
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (first, second)]
    assert manifests[0]["marts"] == manifests[1]["marts"]


def test_a_publish_that_breaks_leaves_the_last_one(home, publish_after):
    first = publish_after(home)
    with duckdb.connect(str(home.build_file)) as con:
        con.execute("drop table marts.etf_findings")
    with pytest.raises(duckdb.CatalogException):
        publish_after(home, timedelta(hours=1))
    assert published.latest(home) == first.resolve()


def test_what_a_broken_publish_left_is_removed_by_the_next(home, publish_after):
    left_over = home.published / ".20260104T060000Z-broken.part"
    (left_over / "parquet").mkdir(parents=True)
    publish_after(home)
    assert not left_over.exists()
