"""What must turn red: a literal that Spark gives six digits, and a session that loses digits of decimals."""

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import duckdb
import pytest
from compare import differences

from orchestration import dbt as building
from orchestration import kept, project
from orchestration.dbt import Project
from orchestration.errors import BuildFailed
from orchestration.home import DBT_PROJECT, Home
from orchestration.settings import Engine
from orchestration.spark import session
from orchestration.spark.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WITH_FEES = "etf_fund_daily"
WITH_DECIMALS = "onchain_holder_supply_daily"
ENGINE = Engine(name="spark")
PRECISION = "spark.sql.decimalOperations.allowPrecisionLoss"


@pytest.fixture(scope="module")
def home(copied) -> Home:
    """A home whose tables of Spark are copies of DuckDB's, so that a control builds one model."""
    home = copied()
    with duckdb.connect(str(home.build_file), read_only=True) as con:
        for schema, table in con.sql("select schema_name, table_name from duckdb_tables()").fetchall():
            folder = home.spark_warehouse / f"{schema}.db/{table}"
            folder.mkdir(parents=True)
            con.execute(f"copy {schema}.{table} to '{folder}/all.parquet'")
    return home


@pytest.fixture(scope="module")
def spark(home) -> Iterator["SparkSession"]:
    """A session with the views that the models read."""
    with session.session(ENGINE, home.spark_warehouse, home.build / "spark.log") as spark:
        Warehouse(home).register(spark, project.load(home).tables)
        build(home, *(f"+{model},config.materialized:view" for model in (WITH_FEES, WITH_DECIMALS)))
        yield spark


@pytest.fixture
def losing_precision(spark) -> Iterator[None]:
    spark.conf.set(PRECISION, "true")
    yield
    spark.conf.set(PRECISION, session.DECIDING[PRECISION])


@pytest.fixture
def edited(tmp_path, monkeypatch) -> Callable[[str, str, str], None]:
    """Puts another text into a file of a copy of the dbt project, which is the one that is built from then on."""
    copy = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, copy)

    def edit(name: str, old: str, new: str) -> None:
        text = (copy / name).read_text()
        assert old in text
        (copy / name).write_text(text.replace(old, new))
        monkeypatch.setattr(building, "DBT_PROJECT", copy)
        monkeypatch.setattr(kept, "read", lambda kind, name: None)
        monkeypatch.setattr(kept, "keep", lambda kind, name, content: None)

    return edit


def build(home: Home, *selection: str) -> None:
    Project(home, ENGINE, target="spark").build(selection, exclude=["resource_type:test"])


def found(home: Home, model: str) -> list[str]:
    """How the model as Spark built it last differs from DuckDB's."""
    said = differences(home.build_file, home.spark_warehouse)
    return [sentence for sentence in said if sentence.startswith(f"marts.{model}:")]


def test_a_literal_of_six_digits_is_found(home, spark, edited):
    edited("macros/fees.sql", "* ' ~ fee_days() ~ ' / 365e0'", "* (' ~ fee_days() ~ ' / 365.0)'")
    build(home, WITH_FEES)
    assert "held_native is off" in " ".join(found(home, WITH_FEES))


def test_nothing_is_found_where_nothing_is_wrong(home, spark):
    build(home, WITH_DECIMALS)
    assert found(home, WITH_DECIMALS) == []


def test_a_session_that_loses_precision_is_refused(home, losing_precision):
    with pytest.raises(BuildFailed, match=f"other figures than DuckDB: {PRECISION} is true, not false"):
        build(home, WITH_DECIMALS)


def test_lost_precision_fails_its_contract_and_is_found_where_the_session_is_not_refused(
    home, losing_precision, edited
):
    edited("dbt_project.yml", 'on-run-start: "{{ check_session() }}"\n', "")
    with pytest.raises(BuildFailed, match="enforced contract that failed"):
        build(home, WITH_DECIMALS)
    assert "sth_native is DECIMAL(38,7), not DECIMAL(38,8)" in " ".join(found(home, WITH_DECIMALS))
