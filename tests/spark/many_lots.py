"""Ten million transfers of a token on Spark, before a release: lots and marts are those of DuckDB's compiled code."""

import shutil

import duckdb
from commands import flowhouse
from compare import differences
from empty_lake import write_tables
from token_lots import DAYS, prepare

from orchestration.home import Home

TRANSFERS = 10_000_000


def test_all_tables_of_ten_million_transfers_are_those_of_duckdb(tmp_path):
    ours = Home(tmp_path / "duckdb")
    write_tables(ours)
    prepare({ours.root: DAYS - 1}, TRANSFERS)
    theirs = Home(shutil.copytree(ours.root, tmp_path / "spark", symlinks=True))
    flowhouse(ours, "--allow-empty", seconds=3_600)
    with duckdb.connect(str(ours.build_file), read_only=True) as con:
        ((lots,),) = con.sql("select count(*) from intermediate.int_tokens__lots").fetchall()
    assert lots > TRANSFERS // 10
    flowhouse(theirs, "--allow-empty", "--engine", "spark", seconds=3 * 3_600)
    assert differences(ours.build_file, theirs.spark_warehouse, ("seeds", "intermediate", "marts")) == []
