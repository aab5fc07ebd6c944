"""The recipe for Harlequin, run in its own environment."""

import json
import os
import pty
import select
import subprocess
import time
from pathlib import Path

import duckdb
import pytest

SESSION = Path(__file__).with_name("harlequin_session.py")
QUERY = "select sum(net_flow_usd) from marts.etf_market_flows_weekly where asset = 'BTC' and source = 'farside'"
SECONDS = 60


@pytest.fixture(scope="module")
def commands(environment) -> Path:
    return environment("harlequin")


def test_it_sees_the_marts_and_answers_a_query(commands, warehouse, tmp_path):
    command = [commands / "python", SESSION, warehouse, QUERY]
    output = subprocess.run(command, env={"HOME": str(tmp_path)}, capture_output=True, check=True, timeout=SECONDS)
    seen = json.loads(output.stdout)
    with duckdb.connect(str(warehouse), read_only=True) as con:
        marts = con.sql("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        (held,) = con.sql(QUERY).fetchall()
    assert set(seen["marts"]) == {name for (name,) in marts}
    assert [tuple(row) for row in seen["rows"]] == [held]


def test_the_command_opens_on_a_terminal_beside_other_readers(commands, warehouse, tmp_path):
    ours, its = pty.openpty()
    environment = {"HOME": str(tmp_path), "TERM": "xterm-256color", "PATH": "/usr/bin:/bin"}
    command = [commands / "harlequin", "--read-only", "--no-download-tzdata", warehouse]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment)
    try:
        screen, end = b"", time.monotonic() + SECONDS
        while b"warehouse" not in screen and time.monotonic() < end:
            if select.select([ours], [], [], 1)[0]:
                screen += os.read(ours, 65536)
        assert b"warehouse" in screen
        with duckdb.connect(str(warehouse), read_only=True) as con:
            assert con.sql(QUERY).fetchall()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(its)
