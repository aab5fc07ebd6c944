"""Every value that a published figure had, and the page that each is from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from ingestion.errors import UsageError
from orchestration.home import Home
from orchestration.provenance.asked import Asked
from orchestration.provenance.captures import pages

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Value:
    """One value that a figure had, as `marts.etf_figure_history` has it.

    Attributes:
        trade_date: the session that was asked for.
        role: what the figure is to that session's flow: flow, count_before, count_after, nav, filing, or its metric.
        value_date: the day that the publisher gives it.
        observed_at: when it was first seen, UTC without zone; of a filing, the day it was filed.
        standing: counts, replaced, blank, or before_close for one printed before its session had closed.
        source_url: of the page, or of the filing; None where the archive is not at hand.
        file: of the page, below the home folder; None where the archive is not at hand.
        origin: served, or reconstructed where somebody made the page from its figures.
    """

    trade_date: date
    ticker: str
    asset: str
    source: str
    metric: str
    role: str
    value_date: date
    observed_at: datetime
    raw_text: str | None
    value: float | None
    standing: str
    archive_sha256: str | None
    source_url: str | None
    file: str | None = None
    origin: str | None = None


HISTORY = """
select cast(? as date) as trade_date, ticker, asset, source, metric, role, value_date, observed_at, raw_text, value,
    standing, archive_sha256, source_url
from marts.etf_figure_history(?, ?)
where asset = coalesce(?, asset)
order by role <> 'flow', role = 'filing', asset, source, metric, value_date, observed_at
"""


def history(con: "duckdb.DuckDBPyConnection", home: Home, asked: Asked) -> list[Value]:
    """Every value that the figures had, oldest first within each figure.

    Raises:
        UsageError: an earlier version published the warehouse.
    """
    import duckdb

    try:
        values = [
            Value(*row)
            for day in asked.dates
            for ticker in asked.tickers
            for row in con.execute(HISTORY, [day, ticker, day, asked.asset]).fetchall()
        ]
    except duckdb.CatalogException:
        raise UsageError("An earlier version published this warehouse: run `flowhouse build` once.") from None
    return with_captures(home, values)


def with_captures(home: Home, values: Sequence[Value]) -> list[Value]:
    """Values with the address and the file of the page that each is from."""
    known = pages(home, {(value.source, value.archive_sha256) for value in values if value.archive_sha256})
    found = []
    for value in values:
        served = known.get((value.source, value.archive_sha256 or ""), [])
        page = next((each for each in served if each.fetched_at == value.observed_at), served[0] if served else None)
        found.append(replace(value, source_url=page.url, file=page.file, origin=page.origin) if page else value)
    return found
