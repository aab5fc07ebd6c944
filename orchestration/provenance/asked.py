"""Whose figures a person asks for: a ticker and a session in words, checked against the funds and the calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ingestion import fund_facts
from ingestion.errors import UsageError

if TYPE_CHECKING:
    import duckdb

EARLIER_VERSION = "An earlier version published this warehouse: run `flowhouse build` once."
TOTAL, ALL = "TOTAL", "ALL"
"""The printed totals, one of each asset; every fund and total with a figure."""


@dataclass(frozen=True)
class Asked:
    """Whose figures are asked for.

    Attributes:
        tickers: funds, or `TOTAL`.
        asset: only that asset's; None for any.
        dates: sessions, oldest first.
        is_named_like_asset: whether the fund's ticker is an asset's code too, as BTC and ETH are.
    """

    tickers: tuple[str, ...]
    asset: str | None
    dates: tuple[date, ...]
    is_named_like_asset: bool = False


def resolve(con: "duckdb.DuckDBPyConnection", name: str, day: str, asset: str | None = None) -> Asked:
    """Whose figures a person means.

    Args:
        name: a ticker, `TOTAL`, an asset whose code no fund has, or `ALL` for every fund with a figure and the total.
        day: a session such as 2025-11-04, or a week such as 2025-W45.
        asset: only that asset's.

    Raises:
        UsageError: no such fund, no session, a day on which the fund was not listed, or an earlier version published
            the warehouse.
    """
    name, asset = name.strip().upper(), asset.strip().upper() if asset else None
    assets = _column(con, "select distinct asset from marts.funds order by asset")
    if asset and asset not in assets:
        raise UsageError(f"There is no fund of {asset}: funds hold {', '.join(assets)}.")
    if name in _column(con, "select distinct ticker from marts.etf_foreign_observations"):
        return Asked((name,), asset, _days_abroad(name, day))
    known = _column(con, "select ticker from marts.funds union select ticker from marts.etf_observations order by 1")
    if name not in known and (sentence := _not_read(name)):
        raise UsageError(sentence)
    dates = sessions_of(con, day)
    if name == ALL:
        query = f"select distinct ticker from ({SEEN}) where value_date in ? and asset = coalesce(?, asset)"
        found = _column(con, f"{query} order by ticker", [list(dates), asset])
        return Asked(tuple(found), asset, dates)
    if name in assets and name not in known:
        name, asset = TOTAL, name
    if name not in {*known, TOTAL}:
        raise UsageError(_unknown(con, name, [*known, *assets]))
    return Asked((name,), asset, _listed(con, name, dates), name in assets)


def sessions_of(con: "duckdb.DuckDBPyConnection", day: str) -> tuple[date, ...]:
    """The session of a day, or the sessions of a week such as 2025-W45.

    Raises:
        UsageError: it is no day, or has no session.
    """
    first, is_week = _parsed(day)
    column = "week_start_date" if is_week else "session_date"
    query = f"select session_date from marts.market_sessions where {column} = ? order by session_date"
    if dates := _column(con, query, [first]):
        return tuple(dates)
    around = "select max(session_date) filter (session_date < ?), min(session_date) filter (session_date > ?)"
    before, after = con.execute(f"{around} from marts.market_sessions", [first, first]).fetchall()[0]
    if before is None or after is None:
        first_known, last_known = con.sql(
            "select min(session_date), max(session_date) from marts.market_sessions"
        ).fetchall()[0]
        raise UsageError(f"{first} is outside the calendar, which is known from {first_known} to {last_known}.")
    raise UsageError(f"{first} is no session of the New York Stock Exchange: ask for {before} or {after}.")


def _parsed(day: str) -> tuple[date, bool]:
    """A day, or the Monday of a week, and whether it is a week."""
    try:
        first = date.fromisoformat(day.strip())
    except ValueError:
        raise UsageError(f"'{day}' is no day: write a session like 2025-11-04, or a week like 2025-W45.") from None
    return first, "W" in day.upper() and not day.strip().upper().partition("W")[2][2:]


def _days_abroad(ticker: str, day: str) -> tuple[date, ...]:
    """The day, or the days from Monday to Friday, of a fund that is listed elsewhere; its holidays are not known."""
    first, is_week = _parsed(day)
    begun = fund_facts.foreign_funds()[ticker].first_trade_date
    days = tuple(first + timedelta(days=number) for number in range(5 if is_week else 1))
    listed = tuple(each for each in days if each >= begun and each.isoweekday() < 6)
    if not listed and days[-1] < begun:
        raise UsageError(f"{ticker} had no flow before {begun}, its first session: ask for that day or a later one.")
    if not listed:
        raise UsageError(f"{first} is a {first:%A}: ask for a day from Monday to Friday.")
    return listed


SEEN = """
select ticker, asset, value_date, value from marts.etf_observations
union all select ticker, asset, value_date, value from marts.etf_foreign_observations
"""


def newest_figure(con: "duckdb.DuckDBPyConnection", asked: Asked) -> date | None:
    """The newest day for which any page showed a figure of these; None where none ever did."""
    query = f"""select max(value_date) from ({SEEN})
        where ticker in ? and asset = coalesce(?, asset) and value is not null"""
    return con.execute(query, [list(asked.tickers), asked.asset]).fetchall()[0][0]


def _listed(con: "duckdb.DuckDBPyConnection", ticker: str, dates: tuple[date, ...]) -> tuple[date, ...]:
    """The days on which a fund was listed; all of them where nobody knows."""
    query = "select first_flow_date, last_flow_date from marts.funds where ticker = ?"
    for first, last in con.execute(query, [ticker]).fetchall():
        listed = tuple(day for day in dates if (not first or day >= first) and (not last or day <= last))
        if not listed and first and dates[-1] < first:
            raise UsageError(
                f"{ticker} had no flow before {first}, its first session: ask for that day or a later one."
            )
        if not listed:
            raise UsageError(
                f"{ticker} had no flow after {last}, its last session: ask for that day or an earlier one."
            )
        return listed
    return dates


def _not_read(ticker: str) -> str:
    """A sentence on a fund that is listed elsewhere and of which no flow was read; nothing on any other."""
    fund = fund_facts.foreign_funds().get(ticker)
    if fund is None:
        return ""
    market = fund.market.replace("_", " ").title()
    return (
        f"No flow of {ticker}, a fund of {market}, was read here: give a CSV of yours with"
        f" `flowhouse ingest {fund.market} --file flows.csv --name mine`."
    )


def _unknown(con: "duckdb.DuckDBPyConnection", name: str, known: Sequence[str]) -> str:
    """A sentence that names the tickers which somebody may have meant: alike, or of an issuer or fund of that name."""
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    query = "select ticker from marts.funds where contains(upper(issuer || ' ' || name), ?) order by ticker limit 5"
    near = _column(con, query, [name]) + near if len(name) > 2 else near
    meant = f"did you mean {', '.join(dict.fromkeys(near))}?" if near else '`flowhouse sql "from funds"` lists them.'
    return f"There is no fund {name}: {meant}"


def _column(con: "duckdb.DuckDBPyConnection", query: str, parameters: Sequence[object] = ()) -> list:
    import duckdb

    try:
        return [value for (value,) in con.execute(query, list(parameters)).fetchall()]
    except duckdb.CatalogException:
        raise UsageError(EARLIER_VERSION) from None
