"""A published copy on a static file server, attached by a DuckDB of its own environment, with httpfs from PyPI."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import file_server
import pytest

SECONDS = 60
SESSION = """
import json, sys
from pathlib import Path
import duckdb, duckdb_extension_httpfs
[extension] = Path(duckdb_extension_httpfs.__file__).parent.glob("extensions/*/httpfs.duckdb_extension")
con = duckdb.connect()
con.execute(f"load '{extension}'")
con.execute(f"attach '{sys.argv[1]}' as flowhouse (read_only); use flowhouse")
print(json.dumps([con.sql(query).fetchall() for query in sys.argv[2:]], default=str))
"""
QUERIES = (
    "select ticker, net_flow_usd from marts.etf_flows_daily where source = 'farside' order by all limit 50",
    "select count(*), sum(net_flow_usd) from marts.etf_flows_daily_as_of(timestamp '2025-11-10 08:00')",
)


@pytest.fixture(scope="module")
def commands(environment) -> Path:
    return environment("httpfs")


def test_a_folder_on_a_web_server_is_attached_and_only_read_in_part(commands, home, tmp_path):
    flowhouse = Path(sys.executable).with_name("flowhouse")
    subprocess.run([flowhouse, "publish", "--to", tmp_path / "web", "--home", home], check=True)
    warehouse = tmp_path / "web" / "latest" / "warehouse.duckdb"
    with file_server.serve(tmp_path / "web") as server:
        command = [commands / "python", "-c", SESSION, f"{server.address}/latest/warehouse.duckdb", *QUERIES]
        output = subprocess.run(
            command, env={"HOME": str(tmp_path)}, capture_output=True, check=True, timeout=SECONDS, text=True
        )
    with duckdb.connect(str(warehouse), read_only=True) as con:
        expected = [con.sql(query).fetchall() for query in QUERIES]
    assert json.loads(output.stdout) == json.loads(json.dumps(expected, default=str))
    assert len(expected[0]) == 50
    assert 0 < sum(size for _, size in server.sent) < warehouse.stat().st_size
