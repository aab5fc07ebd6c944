"""Every value that a published figure had, and the page that each is from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from ingestion.errors import UsageError
from orchestration.home import Home
from orchestration.provenance.asked import EARLIER_VERSION, Asked
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
        archive_source: the source whose archive has the page, where a user's own file has a name of its own.
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
    archive_source: str | None
    file: str | None = None
    origin: str | None = None


HISTORY = """
select cast(? as date) as trade_date, ticker, asset, source, metric, role, value_date, observed_at, raw_text, value,
    standing, archive_sha256, source_url, archive_source
from marts.etf_figure_history(?, ?)
where asset = coalesce(?, asset)
order by role not in ('flow', 'flow_native'), role = 'filing', asset, source, metric, value_date, observed_at
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
    except (duckdb.BinderException, duckdb.CatalogException):
        raise UsageError(EARLIER_VERSION) from None
    return with_captures(home, values)


def with_captures(home: Home, values: Sequence[Value]) -> list[Value]:
    """Values with the address and the file of the page that each is from."""
    known = pages(
        home, {(value.archive_source or "", value.archive_sha256) for value in values if value.archive_sha256}
    )
    found = []
    for value in values:
        served = known.get((value.archive_source or "", value.archive_sha256 or ""), [])
        page = next((each for each in served if each.fetched_at == value.observed_at), served[0] if served else None)
        found.append(replace(value, source_url=page.url, file=page.file, origin=page.origin) if page else value)
    return found


COUNTED = """
select value_date as trade_date, ticker, asset, source, metric, 'flow' as role, value_date, observed_at, raw_text,
    value, case when value is null then 'blank' when not is_report then 'before_close' else 'counts' end as standing,
    archive_sha256, null as source_url, source as archive_source
from (
    select *, row_number() over (partition by source, ticker, value_date order by observed_at desc) as newest_first
    from marts.etf_observations
    where asset = ? and value_date in ? and metric = 'net_flow_usd'
) as printed
where newest_first = 1
order by value_date, ticker = 'TOTAL' desc, source, ticker
"""


def counted_flows(con: "duckdb.DuckDBPyConnection", home: Home, asset: str, dates: Sequence[date]) -> list[Value]:
    """The newest printed flow of each fund of an asset, and the printed total, on each day."""
    return with_captures(home, [Value(*row) for row in con.execute(COUNTED, [asset, [*dates]]).fetchall()])


MARKET = """
select value_date as trade_date, coalesce(asset, '') as ticker, coalesce(asset, '') as asset, source, metric,
    metric as role, value_date, observed_at, raw_text, value,
    case
        when observed_at < max(observed_at) over (partition by source, metric) then 'replaced'
        when value is null and raw_text is null then 'blank'
        else 'counts'
    end as standing,
    archive_sha256, null as source_url, source as archive_source
from marts.market_observations
where venue = ? and value_date = ? and asset = coalesce(?, asset)
order by source, metric, observed_at
"""


def market_values(
    con: "duckdb.DuckDBPyConnection", home: Home, asset: str | None, venue: str, day: date
) -> list[Value]:
    """Every value that the bar of a venue, or an index of sentiment, had on a day."""
    return with_captures(home, [Value(*row) for row in con.execute(MARKET, [venue, day, asset]).fetchall()])
