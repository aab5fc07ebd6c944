"""Publishers' pages generated from tables of facts: their shapes, our own markup, the same bytes every time.

`flow_page`, `workbook`, `bars_zip` and those below take any rows, so that a test can make the page it needs; `pages`
makes those of the sample. Numbers are plain text ("-12.3"); None is a cell that was not reported.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Any

from ingestion.archive import Served

FARSIDE = "https://farside.co.uk"
IBIT_URL = (
    "https://www.blackrock.com/varnish-api/blk-one01-product-data/product-data/api/v1/get-fund-document"
    "?appType=PRODUCT_PAGE&appSubType=ISHARES&targetSite=us-ishares&locale=en_US"
    "&portfolioId=333011&component=fundDownload&userType=individual"
)
INDEX_URL = "https://api.alternative.me/fng/?limit=0&format=json"
SHARES_URL = (
    "https://api.nasdaq.com/api/quote/{ticker}/historical"
    "?assetclass=stocks&fromdate=2025-10-09&todate=2025-11-10&limit=9999"
)
SERIES_URL = "https://fred.stlouisfed.org/graph/fredgraph.csv?id={series}&cosd=2025-10-08"
BARS_URL = "https://data.binance.vision/data/spot/monthly/klines/{symbol}/1d/{symbol}-1d-{month}.zip"
HOURS_URL = "https://data.binance.vision/data/futures/um/daily/klines/{symbol}/1h/{symbol}-1h-{day}.zip"
DERIVATIVES_URL = "https://data.binance.vision/data/futures/um/daily/{kind}/{symbol}/{symbol}-{kind}-{day}.zip"
FUNDING_URL = "https://fapi.binance.com/fapi/v1/fundingRate?symbol={symbol}&startTime=1760140800000&limit=1000"

FLOWS_SEEN = datetime(2025, 11, 8)
LAST_DAY = datetime(2025, 11, 11)
DAY_SECONDS, HOUR_SECONDS = 86_400, 3_600
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
HOURS_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
METRICS_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
# not %b, which follows the locale
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

FlowRow = tuple[date, list[str | None], str | None]
Page = tuple[str, str, str, Served]


def pages() -> Iterator[Page]:
    """Every page of the sample as (source, resource, file ending, what was served)."""
    saturday, tuesday = FLOWS_SEEN.replace(hour=12), LAST_DAY.replace(hour=12)
    btc = flow_page(*_flow_table("btc_flows.csv"))
    eth = flow_page(*_flow_table("eth_flows.csv"))
    fund_days = workbook(_table("ibit_fund_daily.csv", "as_of_date", "nav_usd", "shares_outstanding"))
    index_days = index_json(_table("fear_greed.csv", "value_date", "index_value", "classification"))
    yield "farside", "btc_all", "html", Served(f"{FARSIDE}/bitcoin-etf-flow-all-data/", btc, saturday)
    yield "farside", "eth_all", "html", Served(f"{FARSIDE}/ethereum-etf-flow-all-data/", eth, saturday)
    yield "ishares", "IBIT", "xls", Served(IBIT_URL, fund_days, tuesday)
    yield "alternative_me", "fng", "json", Served(INDEX_URL, index_days, tuesday)
    yield from _bar_pages("BTCUSDT", "btc_bars.csv")
    yield from _bar_pages("ETHUSDT", "eth_bars.csv")
    yield from _hour_pages("perpetual_hours.csv")
    yield from _derivative_pages()
    supply = supply_csv(_table("holder_supply.csv", "value_date", "long_term_native", "short_term_native"))
    yield "holder_series", "published_utxo", "csv", Served("", supply, tuesday)
    for ticker, closes in groupby(_read("equity_closes.csv"), key=lambda row: row["ticker"]):
        content = shares_json(ticker, [(date.fromisoformat(row["session_date"]), row["close"]) for row in closes])
        yield "nasdaq", ticker, "json", Served(SHARES_URL.format(ticker=ticker), content, tuesday)
    for series, figures in groupby(_read("macro_series.csv"), key=lambda row: row["series_id"]):
        content = series_csv(series, [(date.fromisoformat(row["value_date"]), row["value"]) for row in figures])
        yield "fred", series, "csv", Served(SERIES_URL.format(series=series), content, tuesday)


def flow_page(columns: list[str], rows: list[FlowRow], short_header: list[tuple[str, str]] | None = None) -> bytes:
    """Farside's flow table: `columns` are tickers; a row is (day, one cell per ticker, printed total), in US$ m.

    Without `short_header` it is the all-data page with one header row. With (issuer, fee) per ticker it is the
    short page with three. As on the real pages every fifth day is not closed with `</tr>`, and the rows Total,
    Average, Maximum and Minimum follow the days.
    """
    days = [
        _html_row("td", [_text(_farside_date(day)), *map(_flow_cell, [*cells, total])], is_closed=number % 5 > 0)
        for number, (day, cells, total) in enumerate(rows, start=1)
    ]
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="UTF-8"><title>ETF flow</title></head><body>',
        '<p>US$m</p><table class="etf"><thead>',
        *(_html_row("th", map(_text, names)) for names in _header(columns, short_header)),
        "</thead><tbody>",
        *days,
        *_closing_rows([[*cells, total] for _, cells, total in rows]),
        "</tbody></table></body></html>",
    ]
    return "\n".join(lines).encode()


def workbook(rows: Iterable[tuple[date, str, str]]) -> bytes:
    """iShares' download from (as-of date, NAV in US$, shares outstanding): SpreadsheetML 2003, newest day first.

    As served, it starts with a byte order mark and has an `&` that is not escaped: no well-formed XML.
    """
    history = [
        _sheet_row(f"{MONTHS[day.month - 1]} {day:%d}, {day:%Y}", Decimal(nav), "--", Decimal(shares))
        for day, nav, shares in sorted(rows, reverse=True)
    ]
    lines = [
        '<?xml version="1.0"?>',
        '<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">',
        *_sheet("Holdings", [_sheet_row("Sponsor", "iShares Delaware Trust Sponsor LLC & affiliates")]),
        *_sheet("Historical", [_sheet_row("As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"), *history]),
        "</ss:Workbook>",
    ]
    return "\n".join(lines).encode("utf-8-sig")


def bars_zip(symbol: str, month: str, rows: Iterable[tuple[date, str, str, str, str, str]]) -> bytes:
    """Binance's monthly file from (day, open, high, low, close, volume): a zip of one CSV, 12 columns, no header.

    `month` is "2025-10". Times are microseconds since 1970, numbers have eight decimals; the five columns that
    the rows do not give are 0.
    """
    lines = []
    for day, *numbers in rows:
        opens, closes = _seconds(day) * 1_000_000, (_seconds(day) + DAY_SECONDS) * 1_000_000 - 1
        bar = [f"{Decimal(number):.8f}" for number in numbers]
        lines.append(",".join([str(opens), *bar, str(closes), *["0"] * 5]) + "\n")
    return _zip_of(f"{symbol}-1d-{month}.csv", lines)


def hours_zip(symbol: str, day: date, rows: Iterable[tuple[int, str, str, str, str, str]]) -> bytes:
    """Binance's daily file of a perpetual's hours from (hour, open, high, low, close, volume), with its header.

    Times are milliseconds since 1970; quote volume and trades, which the rows do not give, are blank.
    """
    lines = [f"{HOURS_HEADER}\n"]
    for hour, *bar in rows:
        opens = _seconds(day) + hour * HOUR_SECONDS
        closes = (opens + HOUR_SECONDS) * 1000 - 1
        lines.append(",".join([str(opens * 1000), *bar, str(closes), "", "", "0", "0", "0"]) + "\n")
    return _zip_of(f"{symbol}-1h-{day}.csv", lines)


def metrics_zip(symbol: str, day: str, rows: Iterable[tuple[str, str, str]]) -> bytes:
    """Binance's daily file of open interest from (2025-10-10 04:00, coins, dollars); the four ratios are blank."""
    lines = [f"{at}:00,{symbol},{coins},{dollars},,,,\n" for at, coins, dollars in rows]
    return _zip_of(f"{symbol}-metrics-{day}.csv", [f"{METRICS_HEADER}\n", *lines])


def depth_zip(symbol: str, day: str, rows: Iterable[tuple[str, str, str, str, str]]) -> bytes:
    """Binance's daily file of its book from (2025-10-10 21:23:04, coins and dollars of bids, of asks), within 4 %."""
    lines = [
        f"{at},{percentage},{coins},{dollars}\n"
        for at, *bids, ask_coins, ask_dollars in rows
        for percentage, coins, dollars in ((-4, *bids), (4, ask_coins, ask_dollars))
    ]
    return _zip_of(f"{symbol}-bookDepth-{day}.csv", ["timestamp,percentage,depth,notional\n", *lines])


def funding_json(symbol: str, rows: Iterable[tuple[str, str]]) -> bytes:
    """Binance's answer about funding from (2025-11-01 08:00, rate), with the hour to the millisecond."""
    settlements = [
        {"symbol": symbol, "fundingTime": _milliseconds(at), "fundingRate": rate, "markPrice": ""} for at, rate in rows
    ]
    return json.dumps(settlements).encode()


def index_json(rows: Iterable[tuple[date, str, str]]) -> bytes:
    """alternative.me's answer from (day, index value, classification): every value as text, newest day first."""
    data = [
        {"value": value, "value_classification": classification, "timestamp": str(_seconds(day))}
        for day, value, classification in sorted(rows, reverse=True)
    ]
    return json.dumps({"name": "Fear and Greed Index", "data": data, "metadata": {"error": None}}).encode()


def shares_json(ticker: str, rows: Iterable[tuple[date, str]]) -> bytes:
    """Nasdaq's answer from (session, close in US$): newest first, and not available what the rows do not give."""
    sessions = [
        {"date": f"{day:%m/%d/%Y}", "close": f"${close}"} | dict.fromkeys(("volume", "open", "high", "low"), "N/A")
        for day, close in sorted(rows, reverse=True)
    ]
    data = {"symbol": ticker, "totalRecords": len(sessions), "tradesTable": {"asOf": None, "rows": sessions}}
    return json.dumps({"data": data, "message": None, "status": {"rCode": 200}}).encode()


def series_csv(series: str, rows: Iterable[tuple[date, str]]) -> bytes:
    """FRED's CSV of a series from (day, figure); a holiday is empty."""
    return "".join(f"{day},{value}\n" for day, value in [("observation_date", series), *rows]).encode()


def supply_csv(rows: Iterable[tuple[date, str, str]]) -> bytes:
    """A series of holders' supply from (day, long-term, short-term) in coins, in the shape users bring their own."""
    return "".join(f"{day},{lth},{sth}\r\n" for day, lth, sth in [("date", "lth_btc", "sth_btc"), *rows]).encode()


def _bar_pages(symbol: str, table: str) -> Iterator[Page]:
    bars = _table(table, "price_date", "open", "high", "low", "close", "volume")
    for month, rows in groupby(bars, key=lambda bar: bar[0].replace(day=1)):
        name = f"{month:%Y-%m}"
        served = Served(BARS_URL.format(symbol=symbol, month=name), bars_zip(symbol, name, rows), _fetched_at(month))
        yield "binance_vision", f"{symbol}_1d", "zip", served


def _hour_pages(table: str) -> Iterator[Page]:
    hours = _table(table, "price_date", "symbol", "hour", "open", "high", "low", "close", "volume")
    for (day, symbol), rows in groupby(hours, key=lambda hour: hour[:2]):
        content = hours_zip(symbol, day, ((int(hour), *bar) for _, _, hour, *bar in rows))
        fetched_at = datetime(day.year, day.month, day.day, 3) + timedelta(days=1)
        served = Served(HOURS_URL.format(symbol=symbol, day=day), content, fetched_at)
        yield "binance_bars", f"perpetual_{symbol}_1h", "zip", served


def _derivative_pages() -> Iterator[Page]:
    """Of the perpetual of BTC on USDT: a file per day, served on the next one, and an answer of the last day."""
    symbol = "BTCUSDT"
    makers: list[tuple[str, str, str, Callable[[str, str, Iterable[Any]], bytes]]] = [
        ("binance_open_interest", "metrics", "open_interest.csv", metrics_zip),
        ("binance_depth", "bookDepth", "book_depth.csv", depth_zip),
    ]
    for source, kind, table, make in makers:
        snapshots = (tuple(row.values()) for row in _read(table))
        for day, rows in groupby(snapshots, key=lambda snapshot: snapshot[0][:10]):
            fetched_at = datetime.fromisoformat(day) + timedelta(days=1, hours=3)
            url = DERIVATIVES_URL.format(kind=kind, symbol=symbol, day=day)
            yield source, symbol, "zip", Served(url, make(symbol, day, rows), fetched_at)
    rates = [(row["settled_at"], row["rate"]) for row in _read("funding_rates.csv")]
    served = Served(FUNDING_URL.format(symbol=symbol), funding_json(symbol, rates), LAST_DAY.replace(hour=12))
    yield "binance_recent_funding", symbol, "json", served


def _milliseconds(at: str) -> int:
    return (datetime.fromisoformat(at) - datetime(1970, 1, 1)) // timedelta(milliseconds=1)


def _zip_of(name: str, lines: Iterable[str]) -> bytes:
    """A zip of one file, the same bytes everywhere."""
    entry = zipfile.ZipInfo(name, ZIP_EPOCH)
    # the default names the platform; not compressed either, since zlibs do not agree on the bytes
    entry.create_system = 3
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(entry, "".join(lines))
    return packed.getvalue()


def _fetched_at(month: date) -> datetime:
    """The first of the next month, or the sample's last day while the month runs, at 03:00."""
    return min(datetime(month.year, month.month + 1, 1, 3), LAST_DAY.replace(hour=3))


def _read(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("ingestion.sample").joinpath(table).read_text().splitlines()))


def _table(table: str, day: str, *columns: str) -> list[tuple]:
    return [(date.fromisoformat(row[day]), *(row[column] for column in columns)) for row in _read(table)]


def _flow_table(table: str) -> tuple[list[str], list[FlowRow]]:
    rows = _read(table)
    tickers = [name for name in rows[0] if name not in ("value_date", "total")]
    return tickers, [
        (date.fromisoformat(row["value_date"]), [row[ticker] or None for ticker in tickers], row["total"] or None)
        for row in rows
    ]


def _seconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_SECONDS


def _farside_date(day: date) -> str:
    return f"{day:%d} {MONTHS[day.month - 1]} {day:%Y}"


def _header(columns: list[str], short_header: list[tuple[str, str]] | None) -> list[list[str]]:
    if short_header is None:
        return [["Date", *columns, "Total"]]
    issuers, fees = zip(*short_header, strict=True)
    return [["", *issuers, "Total"], ["", *columns, ""], ["Fee", *fees, ""]]


def _closing_rows(rows: list[list[str | None]]) -> list[str]:
    """Over the numbers of each column; a column without one gets `-`."""
    columns = [[Decimal(cell) for cell in column if cell is not None] for column in zip(*rows, strict=True)]
    rules = {"Total": sum, "Average": _mean, "Maximum": max, "Minimum": min}
    return [
        _html_row("td", [_text(name), *(_flow_cell(str(rule(column)) if column else None) for column in columns)])
        for name, rule in rules.items()
    ]


def _mean(numbers: list[Decimal]) -> Decimal:
    return (sum(numbers, Decimal()) / len(numbers)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _flow_cell(cell: str | None) -> str:
    if cell is None:
        return _text("-")
    number = Decimal(cell)
    return _span(f'<span class="redFont">({-number:,})</span>' if number < 0 else f"{number:,}")


def _text(text: str) -> str:
    return _span(escape(text) or "&nbsp;")


def _span(html: str) -> str:
    return f'<span class="tabletext">{html}</span>'


def _html_row(tag: str, cells: Iterable[str], is_closed: bool = True) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + ("</tr>" if is_closed else "")


def _sheet(name: str, rows: list[str]) -> list[str]:
    return [f'<ss:Worksheet ss:Name="{name}"><ss:Table>', *rows, "</ss:Table></ss:Worksheet>"]


def _sheet_row(*values: str | Decimal) -> str:
    cells = (
        f'<ss:Cell><ss:Data ss:Type="{"String" if isinstance(value, str) else "Number"}">{value}</ss:Data></ss:Cell>'
        for value in values
    )
    return f"<ss:Row>{''.join(cells)}</ss:Row>"
