"""What a build depends on: the report's code, the answers, the raw tables and the time as of which it is."""

import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from orchestration import inputs, project
from orchestration.home import Home
from orchestration.inputs import Inputs


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path)
    home.lake.write("farside", "flows", pl.DataFrame({"value": [1.0]}))
    return home


def take(home: Home) -> Inputs:
    home.build.mkdir(parents=True, exist_ok=True)
    return inputs.take(home, project.load(home), strict_claims=False)


@pytest.mark.parametrize("suffix", [".css", ".sql"])
def test_the_fingerprint_follows_the_report_and_the_answers(home, monkeypatch, suffix):
    before = take(home).fingerprint
    monkeypatch.setattr(inputs, "CODE", inputs.CODE - {suffix})
    assert take(home).fingerprint != before


def test_the_fingerprint_follows_the_lake_and_the_time(home):
    before = take(home)
    assert take(Home(home.root, datetime(2025, 11, 20))).fingerprint != before.fingerprint
    assert take(home) == before
    home.lake.write("farside", "flows", pl.DataFrame({"value": [1.0, 2.0]}))
    after = take(home)
    assert after.fingerprint != before.fingerprint
    assert {name for name, digest in after.tables.items() if before.tables[name] != digest} == {"farside/flows"}
    assert after.rows["farside/flows"] == 2


def test_a_table_that_no_model_reads_is_no_input(home):
    before = take(home)
    home.lake.write("farside", "captures", pl.DataFrame({"file": ["a"]}))
    assert take(home).fingerprint == before.fingerprint


def test_a_part_that_is_written_again_under_another_name_is_no_change(home):
    rows = pl.DataFrame({"n": [1]})
    home.lake.write("evm", "coverage", rows, "anvil.1")
    home.lake.write_record("evm", "anvil.json", json.dumps({"parts": {"coverage": ["anvil.1"]}}))
    before = take(home)
    home.lake.write("evm", "coverage", rows, "anvil.2")
    home.lake.write_record("evm", "anvil.json", json.dumps({"parts": {"coverage": ["anvil.2"]}}))
    assert take(home).tables == before.tables
    home.lake.write("evm", "coverage", rows.with_columns(n=2), "anvil.3")
    home.lake.write_record("evm", "anvil.json", json.dumps({"parts": {"coverage": ["anvil.3"]}}))
    assert take(home).tables != before.tables


def test_a_file_is_digested_once(home, monkeypatch):
    take(home)
    read: list[str] = []
    digest = inputs.hashlib.file_digest

    def note(file, name):
        read.append(Path(file.name).name)
        return digest(file, name)

    monkeypatch.setattr(inputs.hashlib, "file_digest", note)
    take(home)
    assert read == ["control.parquet"]  # which each build writes
