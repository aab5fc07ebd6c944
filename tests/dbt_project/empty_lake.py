"""A home whose sources have no rows: every raw table is there, typed."""

from datetime import date

import polars as pl

from ingestion import calendar, reading, registry
from ingestion.bitcoin.rows import TABLES
from ingestion.evm import ledger
from ingestion.sources import holder_series
from orchestration import own_seeds
from orchestration.home import Home
from orchestration.settings import Settings


def write_tables(home: Home) -> None:
    """Write the raw tables of every source, two weeks of sessions and the control table."""
    for source in registry.sources():
        home.lake.write(source.name, source.table, pl.DataFrame(schema=source.schema))
        reading.create_tables(source, home.lake)
    home.lake.write("holder_series", "definitions", pl.DataFrame(schema=holder_series.DEFINITIONS_SCHEMA))
    for table, schema in TABLES.items():
        home.lake.write("bitcoin", table, pl.DataFrame(schema=schema))
    ledger.create_tables(home.lake)
    own_seeds.update(home, Settings())
    home.lake.write(calendar.SOURCE, calendar.TABLE, calendar.sessions(date(2025, 3, 3), date(2025, 3, 14)))
    home.write_control(home.build)
