"""Seeds as Spark loads them: every value as the file has it."""

import os
import shutil
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

PROJECT = Path(__file__).parents[2] / "dbt_project"
TYPES = "{amount: 'decimal(38, 8)', share: double, on_date: date, seen_at: timestamp, height: bigint, note: string}"
ROWS = [
    ("plain", Decimal("0.10000001"), 0.1, date(2024, 1, 11), datetime(2024, 1, 11, 21, 0, 0, 123456), 2**62, "1"),
    ("it's", Decimal("-123456789012345678901234567890.12345678"), -1e-300, date(1970, 1, 1), None, -1, 'say "no"'),
    ("a\\nb\\", None, None, None, datetime(1969, 12, 31, 23, 59, 59), None, None),
    ("two\nlines, \\'both\\'", Decimal(0), 1e300, date(9999, 12, 31), None, 0, "%s {{ x }} $1 \u20bf"),
]


def test_a_seed_has_every_value_of_its_file(tmp_path):
    """Nulls, quotes, backslashes, lines and all digits; nothing is taken for a template or a binding."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "macros", project / "macros")
    shutil.copy(PROJECT / "profiles.yml", project)
    (project / "seeds").mkdir()
    _write_csv(project / "seeds/awkward.csv")
    (project / "dbt_project.yml").write_text(
        "{name: flowhouse, profile: flowhouse, on-run-start: '{{ check_session() }}',"
        f" seeds: {{flowhouse: {{+schema: seeds, +column_types: {TYPES}}}}}}}"
    )
    warehouse = tmp_path / "it's a warehouse"
    command = [sys.executable, "-m", "dbt.cli.main", "seed", "--target", "spark", "--project-dir", project]
    run = subprocess.run(
        [*command, "--profiles-dir", project, "--log-path", tmp_path],
        env=os.environ | {"FLOWHOUSE_SPARK_WAREHOUSE": str(warehouse), "FLOWHOUSE_SPARK_MASTER": "local[1]"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    files = [str(file) for file in (warehouse / "seeds.db/awkward").glob("*.parquet")]
    with duckdb.connect() as con:
        held = con.read_parquet(files).order("name")
        assert [str(kind) for kind in held.types[1:]] == [
            "DECIMAL(38,8)", "DOUBLE", "DATE", "TIMESTAMP", "BIGINT", "VARCHAR"
        ]  # fmt: skip
        assert sorted(held.fetchall()) == sorted(ROWS)


def _write_csv(path: Path) -> None:
    def cell(value: object) -> str:
        return "" if value is None else '"' + str(value).replace('"', '""') + '"'

    names = "name,amount,share,on_date,seen_at,height,note"
    path.write_text("\n".join([names, *(",".join(map(cell, row)) for row in ROWS)]) + "\n")
