"""Publishing, from a small build file made without dbt."""

import json
from datetime import datetime, timedelta
from unittest.mock import ANY

import duckdb
import pytest

from orchestration.home import Home
from orchestration.publishing import published

MARTS = ["claim_checks", "coins", "etf_findings", "flows"]


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
    assert sorted(tables) == [("marts", name) for name in MARTS]
    assert views == []
    assert str(tmp_path).encode() not in (folder / "warehouse.duckdb").read_bytes()
    assert sorted(path.stem for path in (folder / "parquet").iterdir()) == MARTS


def test_the_manifest_says_what_went_in_and_what_came_out(home, inputs, publish_after):
    folder = publish_after(home)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["build_id"] == folder.name
    assert manifest["built_at"] == "2026-01-05T06:00:00Z"
    assert manifest["as_of"] is None
    assert manifest["failed_sources"] == ["farside"]
    assert manifest["findings"] == [{"kind": "late", "rows": 2}]
    assert manifest["marts"]["flows"]["rows"] == 2
    assert manifest["fingerprint"] == inputs.fingerprint
    assert manifest["warehouse"] == {"bytes": (folder / "warehouse.duckdb").stat().st_size, "sha256": ANY}
    assert {"duckdb", "dbt-core", "flowhouse"} <= manifest["versions"].keys()


def test_the_report_stands_beside_what_it_is_made_of(home, publish_after):
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    past.build.mkdir()
    past.build_file.write_bytes(home.build_file.read_bytes())
    assert "As known at <time" in (publish_after(home) / "report.html").read_text()
    moment = '<time datetime="2025-11-20T02:15:00+00:00">'
    assert f"As it could have been known at {moment}" in (publish_after(past) / "report.html").read_text()


def test_one_content_has_one_build_id_whatever_the_lake_holds_by_then(home, inputs, publish_after, monkeypatch):
    """An `ingest` between dbt and publishing: the marts are still those of the inputs that dbt read."""
    before = publish_after(home)
    (home.lake.root / "farside" / "flows").mkdir(parents=True)
    (home.lake.root / "farside" / "flows" / "flows.parquet").write_bytes(b"newer, and not even Parquet")
    home.lake.mark_as_sample()
    after = publish_after(home, timedelta(hours=1))
    contents = [json.loads((folder / "manifest.json").read_text()) for folder in (before, after)]
    assert [content["fingerprint"] for content in contents] == [inputs.fingerprint] * 2
    assert before.name.split("-")[1] == after.name.split("-")[1] == inputs.fingerprint[:8]
    moments = ("build_id", "built_at")
    assert {**contents[0], **dict.fromkeys(moments)} == {**contents[1], **dict.fromkeys(moments)}


def test_a_changed_verdict_is_a_finding_with_names_in_manifest_and_report(home, publish_after):
    with duckdb.connect(str(home.build_file)) as con:
        con.execute(
            "insert into marts.claim_checks values ('C2', 'b', 'contradicted', 'supported'),"
            " ('C1', 'a', 'supported', 'contradicted'), ('C3', 'a', 'contradicted', 'contradicted'),"
            " ('C4', 'a', 'insufficient_data', 'supported'), ('C5', 'a', 'supported', null)"
        )
    folder = publish_after(home)
    assert json.loads((folder / "manifest.json").read_text())["findings"] == [
        {"kind": "late", "rows": 2},
        {"kind": "claim_verdict_changed", "rows": 2, "names": ["C1/a", "C2/b"]},
    ]
    report = (folder / "report.html").read_text()
    assert "<summary>2 findings about the data</summary>" in report
    assert "2 checks of claims have another verdict than recorded (C1/a, C2/b)" in report
    assert "2 rows of marts.etf_findings say late." in report


def test_a_build_without_findings_has_no_such_section(home, publish_after):
    with duckdb.connect(str(home.build_file)) as con:
        con.execute("delete from marts.etf_findings")
    folder = publish_after(home)
    assert json.loads((folder / "manifest.json").read_text())["findings"] == []
    assert "about the data</summary>" not in (folder / "report.html").read_text()


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
