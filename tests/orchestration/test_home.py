from datetime import datetime

import polars as pl
import pytest
from filelock import FileLock, Timeout

from orchestration import home as resources
from orchestration.home import Home


@pytest.mark.parametrize(
    ("as_of", "as_of_cutoff"),
    [(None, datetime(9999, 12, 31)), (datetime(2025, 11, 20, 2, 15), datetime(2025, 11, 20, 2, 15))],
)
def test_the_control_table_says_until_when_observations_count(tmp_path, as_of, as_of_cutoff):
    home = Home(tmp_path, as_of)
    home.write_control()
    (table,) = home.build.glob("flowhouse/control/*.parquet")
    assert pl.read_parquet(table).rows() == [(as_of, as_of_cutoff)]


def test_builds_of_different_times_work_in_different_folders(tmp_path):
    assert Home(tmp_path).build != Home(tmp_path, datetime(2025, 11, 20)).build


def test_a_home_is_locked_against_others_and_open_to_its_own_process(tmp_path):
    home = Home(tmp_path)
    with home.lock(), home.lock(), pytest.raises(Timeout), FileLock(tmp_path / "build" / "lock", timeout=0.1):
        pass


def test_each_checkout_of_the_project_keeps_a_parse_of_its_own(monkeypatch, tmp_path):
    """A parse has the paths of its project's files, so another checkout cannot use it."""
    here = Home(tmp_path).dbt_target
    monkeypatch.setattr(resources, "DBT_PROJECT", tmp_path / "elsewhere")
    assert Home(tmp_path).dbt_target != here
