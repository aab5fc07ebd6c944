"""The recorded archive on Spark, before a release: every table is that of DuckDB."""

import shutil
from pathlib import Path

import pytest
from commands import flowhouse
from compare import differences

from orchestration.home import Home

ARCHIVE = Path(__file__).parents[3] / "shared" / "archive"

pytestmark = pytest.mark.skipif(not ARCHIVE.is_dir(), reason="no recorded archive beside the project (../shared)")


def test_all_tables_of_the_recorded_archive_are_those_of_duckdb(tmp_path):
    ours = Home(tmp_path / "duckdb")
    flowhouse(ours, "--replay", str(ARCHIVE))
    theirs = Home(shutil.copytree(ours.root, tmp_path / "spark", symlinks=True))
    flowhouse(theirs, "--engine", "spark", seconds=3_600)
    assert differences(ours.build_file, theirs.spark_warehouse, ("seeds", "intermediate", "marts")) == []
