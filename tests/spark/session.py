"""What the dbt project asks of a session of Spark before it builds anything, and seeds as Spark loads them."""

import os
import shutil
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from orchestration.settings import Engine
from orchestration.spark import session

PROJECT = Path(__file__).parents[2] / "dbt_project"
TYPES = "{amount: 'decimal(38, 8)', share: double, on_date: date, seen_at: timestamp, height: bigint, note: string}"
ROWS = [
    ("plain", Decimal("0.10000001"), 0.1, date(2024, 1, 11), datetime(2024, 1, 11, 21, 0, 0, 123456), 2**62, "1"),
    ("it's", Decimal("-123456789012345678901234567890.12345678"), -1e-300, date(1970, 1, 1), None, -1, 'say "no"'),
    ("a\\nb\\", None, None, None, datetime(1969, 12, 31, 23, 59, 59), None, None),
    ("two\nlines, \\'both\\'", Decimal(0), 1e300, date(9999, 12, 31), None, 0, "%s {{ x }} $1 \u20bf"),
]


@pytest.fixture
def project(tmp_path) -> Path:
    """A project with this one's macros and profile, and a seed of awkward values."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "macros", project / "macros")
    shutil.copy(PROJECT / "profiles.yml", project)
    (project / "seeds").mkdir()
    lines = ["name,amount,share,on_date,seen_at,height,note", *(",".join(map(_cell, row)) for row in ROWS)]
    (project / "seeds/awkward.csv").write_text("\n".join(lines) + "\n")
    (project / "dbt_project.yml").write_text(
        "{name: flowhouse, profile: flowhouse, flags: {skip_nodes_if_on_run_start_fails: true},"
        " on-run-start: '{{ check_session() }}',"
        f" seeds: {{flowhouse: {{+schema: seeds, +column_types: {TYPES}}}}}}}"
    )
    return project


def seed(project: Path, warehouse: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "seed", "--target", "spark"]
    return subprocess.run(
        [*command, "--project-dir", project, "--profiles-dir", project, "--log-path", project / "logs"],
        env=os.environ | {"FLOWHOUSE_SPARK_WAREHOUSE": str(warehouse), "FLOWHOUSE_SPARK_MASTER": "local[1]"},
        cwd=project,
        capture_output=True,
        text=True,
    )


def test_a_seed_has_every_value_of_its_file(project, tmp_path):
    """Nulls, quotes, backslashes, lines and all digits; nothing is taken for a template or a binding."""
    run = seed(project, tmp_path / "warehouse")
    assert run.returncode == 0, run.stdout
    files = [str(file) for file in (tmp_path / "warehouse/seeds.db/awkward").glob("*.parquet")]
    with duckdb.connect() as con:
        held = con.read_parquet(files)
        kinds = ["VARCHAR", "DECIMAL(38,8)", "DOUBLE", "DATE", "TIMESTAMP", "BIGINT", "VARCHAR"]
        assert [str(kind) for kind in held.types] == kinds
        assert sorted(held.fetchall()) == sorted(ROWS)


def test_a_session_that_computes_otherwise_is_refused(project, tmp_path):
    profile = project / "profiles.yml"
    wrong = {
        "timestampType: TIMESTAMP_NTZ": "timestampType: TIMESTAMP_LTZ",
        'allowPrecisionLoss: "false"': 'allowPrecisionLoss: "true"',
        "session.timeZone: UTC": "session.timeZone: Asia/Tokyo",
    }
    text = profile.read_text()
    for setting, other in wrong.items():
        assert setting in text
        text = text.replace(setting, other)
    profile.write_text(text)
    run = seed(project, tmp_path / "warehouse")
    assert run.returncode != 0
    said = " ".join(run.stdout.split())
    assert "Spark would compute other figures than DuckDB: " in said
    assert "spark.sql.timestampType is TIMESTAMP_LTZ, not TIMESTAMP_NTZ" in said
    assert "spark.sql.decimalOperations.allowPrecisionLoss is true, not false" in said
    assert "spark.sql.session.timeZone is Asia/Tokyo, not UTC" in said
    assert not (tmp_path / "warehouse/seeds.db/awkward").exists()


def _cell(value: object) -> str:
    return "" if value is None else '"' + str(value).replace('"', '""') + '"'


def test_a_limit_of_memory_is_the_heap_of_the_driver_and_of_each_executor(tmp_path):
    settings = session._configuration(Engine(name="spark", memory_limit="2GB"), tmp_path)
    assert settings.get("spark.driver.memory") == settings.get("spark.executor.memory") == "1907m"
