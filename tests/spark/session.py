"""A session of Spark, what the dbt project asks of it before it builds anything, and seeds as Spark loads them."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import date, datetime
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import duckdb
import pytest
from pyspark import SparkContext

from orchestration.errors import BuildFailed
from orchestration.home import Home
from orchestration.settings import Engine
from orchestration.spark import session
from orchestration.spark.warehouse import Warehouse

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


def test_a_table_that_cannot_be_read_is_named(tmp_path):
    home = Home(tmp_path)
    damaged = home.spark_warehouse / "marts.db/funds"
    damaged.mkdir(parents=True)
    (damaged / "part.parquet").write_bytes(b"rot")
    with (
        session.session(Engine(name="spark"), home.spark_warehouse, tmp_path / "spark.log") as spark,
        pytest.raises(BuildFailed, match=r"cannot read \S+marts.db/funds: remove \S+/spark, and run"),
    ):
        Warehouse(home).register(spark, [])


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


def test_a_session_listens_on_this_machine_alone_leaves_ctrl_c_to_us_and_ends_its_java_machine(tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    with session.session(Engine(name="spark"), tmp_path / "warehouse", tmp_path / "spark.log") as spark:
        machine = spark.sparkContext._gateway.proc
        assert signal.getsignal(signal.SIGINT) is handler
        assert set(addresses(machine.pid)) == {"127.0.0.1"}
    assert machine.poll() is not None
    assert SparkContext._gateway is None


def test_a_java_machine_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(session, "STOP_SECONDS", 0.1)
    with subprocess.Popen(["sleep", "20"], stdin=subprocess.PIPE) as process:
        session._end(SimpleNamespace(shutdown=lambda: None, proc=process))
        assert process.returncode == -signal.SIGKILL


def test_without_a_worker_there_is_a_sentence_and_no_waiting_for_ever(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "WORKERS_SECONDS", 0)
    scheduler = SimpleNamespace(getExecutorMemoryStatus=lambda: SimpleNamespace(size=lambda: 1))
    context = SimpleNamespace(_jsc=SimpleNamespace(sc=lambda: scheduler))
    with pytest.raises(BuildFailed, match="No worker of spark://h:7077 took the build: start one that has the memory"):
        session._await_workers(cast("SparkContext", context), "spark://h:7077", tmp_path / "spark.log")


@pytest.mark.parametrize(
    ("master", "address"),
    [("local[2]", "127.0.0.1"), ("spark://127.0.0.1:7077", "127.0.0.1"), ("spark://10.0.0.5:7077", None)],
)
def test_the_driver_of_another_machine_s_master_is_where_its_workers_find_it(tmp_path, master, address):
    """On loopback they would not."""
    settings = session._configuration(Engine(name="spark", spark_master=master), tmp_path)
    assert settings.get("spark.driver.bindAddress") == settings.get("spark.driver.host") == address


def addresses(process: int) -> list[str]:
    """Where a process listens: /proc has its sockets by inode, and addresses as hexadecimal words."""
    links = [os.readlink(link) for link in Path(f"/proc/{process}/fd").iterdir() if link.is_symlink()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    words = [textwrap.wrap(line[1].split(":")[0], 8) for line in lines if line[3] == "0A" and line[9] in inodes]
    found = [ip_address(b"".join(bytes.fromhex(word)[::-1] for word in address)) for address in words]
    return [str(getattr(address, "ipv4_mapped", None) or address) for address in found]


def test_a_limit_of_memory_is_the_heap_of_the_driver_and_of_each_executor(tmp_path):
    settings = session._configuration(Engine(name="spark", memory_limit="2GB"), tmp_path)
    assert settings.get("spark.driver.memory") == settings.get("spark.executor.memory") == "1907m"
