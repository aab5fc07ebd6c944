"""Ten million transfers of a token on Spark, before a release: its lots are those of DuckDB's compiled code."""

import json
from dataclasses import asdict

import duckdb
from compare import differences
from empty_lake import write_tables
from first_lots import LOTS, build
from token_lots import DAYS, prepare

from ingestion.evm.ledger import EventRecord
from orchestration.dbt import Project
from orchestration.home import Home

TRANSFERS = 10_000_000


def test_lots_of_ten_million_transfers_are_those_of_duckdb(tmp_path):
    home = Home(tmp_path / "home")
    write_tables(home)
    prepare({home.root: DAYS - 1}, TRANSFERS)
    record = EventRecord(parts={"transfers": home.lake.parts("evm", "transfers")})
    home.lake.write_record("evm", "ethereum.json", json.dumps(asdict(record)))
    build(home)
    Project(home).build(LOTS, exclude=["resource_type:test"])
    with duckdb.connect(str(home.build_file), read_only=True) as con:
        ((lots,),) = con.sql("select count(*) from intermediate.int_tokens__lots").fetchall()
    assert lots > TRANSFERS // 10
    assert differences(home.build_file, home.spark_warehouse, ("intermediate",)) == []
