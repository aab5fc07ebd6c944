"""Lots on Spark of a home that had no tokens: a table without rows tells its columns to the next session."""

import random
from datetime import timedelta

from compare import differences
from empty_lake import write_tables
from test_tokens import FIRST, SIMBTC, SIMUSD, stream, write_lake

from orchestration import inputs, project
from orchestration.dbt import Project
from orchestration.home import Home
from orchestration.settings import Engine
from orchestration.spark import session
from orchestration.spark.warehouse import Warehouse

ENGINE = Engine(name="spark")
LOTS = ["+int_tokens__lots"]
SETTLED, LAST = (FIRST + timedelta(days=days) for days in (30, 40))


def build(home: Home) -> None:
    graph = project.load(home)
    inputs.take(home, graph, strict_claims=False)
    with session.session(ENGINE, home.spark_warehouse, home.build / "spark.log") as spark:
        Warehouse(home).register(spark, graph.tables)
        Project(home, ENGINE, target="spark").build(LOTS, exclude=["resource_type:test"])


def test_lots_begin_after_a_build_without_a_token(tmp_path):
    home = Home(tmp_path / "home")
    write_tables(home)
    build(home)
    streams = {token: stream(random.Random(token.asset), 40, 100, 10**6) for token in (SIMBTC, SIMUSD)}
    write_lake(home, streams, SETTLED, LAST)
    build(home)
    Project(home).build(LOTS, exclude=["resource_type:test"])
    assert differences(home.build_file, home.spark_warehouse, ("intermediate",)) == []
    # whole partitions are made anew or stay
    assert len(list((home.spark_warehouse / "intermediate.db/int_tokens__lots").glob("token_number=*"))) == len(streams)
