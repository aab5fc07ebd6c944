"""What a row of a mart is made of: printed figures with their pages, other rows, a chain's blocks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb

from orchestration.home import Home
from orchestration.mcp.catalogue import Mart
from orchestration.provenance.asked import TOTAL, Asked
from orchestration.provenance.captures import pages_by_resource
from orchestration.provenance.history import Value, counted_flows, history, market_values

MOST_OBSERVATIONS = 60
OF_THE_PAGE = ("trade_date", "source_url", "archive_source", "file", "origin")
"""What the list of pages says once for all values that are from one."""
DERIVED = "derived"
"""The series that is made from a chain's own blocks."""
COINGLASS_HK = "coinglass"
"""The source that the marts of foreign funds call so; any other is a user's file of that name."""


@dataclass
class Origin:
    """What a row is made of.

    Attributes:
        observations: printed values, with the page of each.
        pages: those of the values listed, each once: url, file, sha256, fetched_at.
        made_of: rows of other marts, as what they are and the query that gives them.
        notes: sentences on what no page shows.
        left_out: how many observations are not listed; the queries of `made_of` lead to them.
    """

    observations: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    pages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    made_of: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    notes: list[str] = field(default_factory=list[str])
    left_out: int = 0

    def add(self, values: Sequence[Value]) -> None:
        """Add printed values, those that count first, and their pages."""
        ordered = sorted(values, key=lambda value: value.standing != "counts")
        room = MOST_OBSERVATIONS - len(self.observations)
        self.left_out += len(ordered[room:])
        self.observations += [
            {name: field for name, field in asdict(value).items() if name not in OF_THE_PAGE}
            for value in ordered[:room]
        ]
        for value in ordered[:room]:
            self.add_page(
                source=value.source,
                url=value.source_url,
                file=value.file,
                sha256=value.archive_sha256,
                fetched_at=value.observed_at if value.archive_sha256 else None,
                origin=value.origin,
            )

    def add_page(self, **page: Any) -> None:
        """Add a page unless it is there."""
        if (page["sha256"] or page["url"]) and page not in self.pages:
            self.pages.append(page)


@dataclass(frozen=True)
class Row:
    """A row whose origin is asked for, and where to look."""

    con: duckdb.DuckDBPyConnection
    home: Home
    marts: Mapping[str, Mart]
    mart: Mart
    values: Mapping[str, Any]

    def get(self, *names: str) -> Any:
        """The first of the columns that the row has a value of."""
        return next((self.values[name] for name in names if self.values.get(name) is not None), None)


def origin_of(
    con: duckdb.DuckDBPyConnection, home: Home, marts: Mapping[str, Mart], mart: Mart, values: Mapping[str, Any]
) -> Origin:
    """What a row is made of, by the columns it has."""
    row, origin = Row(con, home, marts, mart, values), Origin()
    for part in PARTS:
        part(row, origin)
    if not (origin.observations or origin.pages or origin.made_of or origin.notes):
        origin.notes.append("No page is known of this row: it comes from the project's reviewed seeds, or is computed.")
    return origin


def _of_a_fund(row: Row, origin: Origin) -> None:
    """Printed flow, share counts, NAV and filing of a fund's session or week."""
    ticker = row.get("ticker")
    if not ticker or ticker == TOTAL or _is_foreign(row):
        return
    if row.get("metric"):  # of an observation or a revision
        dates, asset = (row.get("value_date"),), row.get("asset")
    elif week := row.get("week_start_date"):
        dates, asset = _sessions(row, week, week + timedelta(days=6)), row.get("asset")
        origin.made_of.append(_rows(row, ("etf_fund_daily", "etf_flows_daily"), "ticker", ticker, dates))
    else:
        dates, asset = (row.get("trade_date", "as_of_date"),), row.get("asset")
    if dates and dates[0]:
        found = history(row.con, row.home, Asked((ticker,), asset, dates))
        metric, source = row.get("metric"), row.get("source")
        origin.add([value for value in found if _belongs(value, metric, source)])
    if counted := row.get("flow_source"):
        origin.notes.append(f"The flow counts from {counted}; what other sources say of it is listed beside it.")
    _sums(row, origin, ticker)


def _belongs(value: Value, metric: str | None, source: str | None) -> bool:
    """Whether a value is of the row's metric and source; `issuer` stands for all but the aggregator.

    NAV and filing turn dollars into coins whoever printed the dollars.
    """
    if metric and value.metric != metric:
        return False
    if source is None or value.source == source or (not metric and value.role in ("nav", "filing")):
        return True
    return source == "issuer" and value.source != "farside"


def _of_a_total(row: Row, origin: Origin) -> None:
    """Printed flows of all funds of an asset, of a session, a week or a window."""
    asset = row.get("asset")
    if not asset or (row.get("ticker") not in (None, TOTAL)) or _is_foreign(row):
        return
    days = _days(row)
    if days is None:
        return
    dates = _sessions(row, *days)
    if row.get("metric"):
        found = history(row.con, row.home, Asked((TOTAL,), asset, dates))
        origin.add([value for value in found if value.source == row.get("source")])
        return
    if not dates:
        origin.notes.append(f"There was no session from {days[0]} to {days[1]}.")
        return
    flows = counted_flows(row.con, row.home, asset, dates)
    if len(dates) == 1 and row.get("source") is None:
        flows += _of_counting_issuers(row, asset, dates[0])
    origin.add([value for value in flows if row.get("source") in (None, value.source) or row.get("source") == "issuer"])
    origin.made_of.append(_rows(row, ("etf_fund_daily", "etf_flows_daily"), "asset", asset, dates))
    _sums(row, origin, None)


def _of_counting_issuers(row: Row, asset: str, day: date) -> list[Value]:
    """Share counts and NAVs of the funds whose flow of a session counts from these."""
    if "etf_fund_daily" not in row.marts:
        return []
    query = "select ticker from marts.etf_fund_daily where asset = ? and trade_date = ? and flow_source = 'issuer'"
    tickers = tuple(ticker for (ticker,) in row.con.execute(f"{query} order by 1", [asset, day]).fetchall())
    found = history(row.con, row.home, Asked(tickers, asset, (day,)))
    return [value for value in found if value.role in ("nav", "count_before", "count_after")]


def _days(row: Row) -> tuple[date, date] | None:
    """First and last day of the fund flows in a row; None where it has none."""
    if day := row.get("trade_date"):
        return day, day
    if week := row.get("week_start_date"):
        return week, week + timedelta(days=6)
    if row.get("metric") and row.get("ticker") == TOTAL:
        return row.get("value_date"), row.get("value_date")
    if window := row.get("window_days"):
        return row.get("value_date") - timedelta(days=window - 1), row.get("value_date")
    return None


def _sums(row: Row, origin: Origin, ticker: str | None) -> None:
    """The sessions behind a running sum."""
    if row.mart.name not in ("etf_fund_daily", "etf_market_daily", "etf_fund_weekly"):
        return
    day = "week_start_date" if "week_start_date" in row.mart.columns else "trade_date"
    of = ("ticker", ticker) if ticker else ("asset", row.get("asset"))
    query = (
        f"select {day}, net_flow_usd, net_flow_native from marts.{row.mart.name}"
        f" where {of[0]} = '{of[1]}' and {day} <= '{row.get(day)}' order by {day}"
    )
    origin.made_of.append(("what cumulative, 5-session and 20-session figures and streaks are made of", query))


def _is_foreign(row: Row) -> bool:
    """Whether it is of funds listed outside the United States, which no page of a US fund tells of."""
    return row.mart.name.startswith("etf_foreign_")


def _of_foreign_funds(row: Row, origin: Origin) -> None:
    """Flows of funds listed outside the United States: CoinGlass's pages, or the user's files of the source's name."""
    if not _is_foreign(row):
        return
    if not row.get("ticker"):
        query = (
            f"select * from marts.etf_foreign_flows_daily where market = '{row.get('market')}'"
            f" and asset = '{row.get('asset')}' and trade_date = '{row.get('trade_date')}'"
            f" and source = '{row.get('source')}' order by ticker"
        )
        origin.made_of.append(("flows by fund", query))
    if row.get("source") == COINGLASS_HK:
        _add_pages(row, origin, ("coinglass_hk",), row.get("asset"))
    else:
        _add_pages(row, origin, ("hong_kong",), row.get("source"))


def _of_holders(row: Row, origin: Origin) -> None:
    """The series of long-term supply: a chain's blocks, or a publisher's file."""
    series = row.get("holder_series", "series")
    last = row.get("value_date") or (row.get("week_start_date") and row.get("week_start_date") + timedelta(days=6))
    if not series or not last:
        return
    first = last - timedelta(days=row.get("window_days") or (6 if row.get("week_start_date") else 0))
    network = row.get("network") or "main"
    query = (
        "select value_date, lth_native, supply_native, is_final from marts.onchain_holder_supply_daily"
        f" where asset = '{row.get('asset')}' and network = '{network}' and series = '{series}'"
        f" and definition_id = '{row.get('definition_id')}' and value_date between '{first}' and '{last}'"
    )
    origin.made_of.append(("long-term supply by day", query))
    if series == DERIVED:
        _add_blocks(row, origin, network, first, last)
        return
    _add_pages(row, origin, ("holder_series", "bitview"), series)


def _add_pages(row: Row, origin: Origin, sources: Sequence[str], resource: str) -> None:
    """Add the pages that one of the sources has of a resource, such as a user's file of that name."""
    for source in sources:
        for page in pages_by_resource(row.home, source, resource):
            origin.add_page(
                source=source,
                url=page.url,
                file=page.file,
                sha256=page.sha256,
                fetched_at=page.fetched_at,
                origin=page.origin,
            )


def _of_a_chain(row: Row, origin: Origin) -> None:
    if row.mart.name.startswith("onchain_") and not row.get("series"):
        day = row.get("value_date", "spend_date", "birth_date")
        if day:
            _add_blocks(row, origin, row.get("network"), day, day)


def _add_blocks(row: Row, origin: Origin, network: str, first: date, last: date) -> None:
    asset = f"asset = '{row.get('asset')}' and " if row.get("asset") else ""
    query = (
        "select value_date, blocks, transactions from marts.onchain_blocks_daily"
        f" where {asset}network = '{network}' and value_date between '{first}' and '{last}'"
    )
    origin.made_of.append(("the chain's blocks by day", query))
    origin.notes.append(f"No page: computed from the records of a node of the network {network}.")


def _of_a_market(row: Row, origin: Origin) -> None:
    """Bars and sentiment, as printed."""
    venue, day = row.get("venue", "provider"), row.get("price_date", "value_date")
    if venue and day:
        origin.add(market_values(row.con, row.home, row.get("asset"), venue, day))


def _of_a_claim(row: Row, origin: Origin) -> None:
    if claim := row.get("claim_id"):
        query = f"select * from marts.claim_checks where claim_id = '{claim}' order by check_id"
        origin.made_of.append(("each way in which the claim was checked", query))
        origin.notes.append(f"The claim is from: {row.get('article')}. It says: {row.get('quote')}")


def _of_a_source_url(row: Row, origin: Origin) -> None:
    if url := row.get("source_url"):
        origin.add_page(source=row.mart.name, url=url, file=None, sha256=None, fetched_at=None, origin=None)


def _sessions(row: Row, first: date, last: date) -> tuple[date, ...]:
    query = "select session_date from marts.market_sessions where session_date between ? and ? order by 1"
    return tuple(day for (day,) in row.con.execute(query, [first, last]).fetchall())


def _rows(row: Row, names: Sequence[str], column: str, value: str, dates: Sequence[date]) -> tuple[str, str]:
    """The flows by fund that a sum is made of, from the first of the marts that is there."""
    mart = next(name for name in names if name in row.marts)
    between = f"trade_date between '{dates[0]}' and '{dates[-1]}'" if dates else "false"
    query = f"select * from marts.{mart} where {column} = '{value}' and {between} order by trade_date, ticker"
    return "flows by fund and session", query


PARTS: Sequence[Callable[[Row, Origin], None]] = (
    _of_a_fund,
    _of_a_total,
    _of_foreign_funds,
    _of_holders,
    _of_a_chain,
    _of_a_market,
    _of_a_claim,
    _of_a_source_url,
)
