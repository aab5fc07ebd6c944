"""Pages of issuers as they serve them, made for tests: every figure of a fund's day may be another."""

import json
from collections.abc import Sequence
from datetime import date

from ingestion.sample.pages import workbook as ishares_workbook
from tests.ingestion.workbooks import workbook

CANARY_COLUMNS = (
    "Fund Name",
    "Fund Ticker",
    "CUSIP",
    "Net Assets",
    "Shares Outstanding",
    "NAV",
    "Market Price",
    "Rate Date",
)


def bitwise(
    day="2026-10-07", assets=3127308326, shares=69130000, coin="BITCOIN", held=37507.77129, nav=46.4, is_deep=False
):
    """A page of BITB; the printed NAV is of the session before."""
    data = {
        "fundDetails": {"asOfDate": day, "netAssets": assets, "sharesOutstanding": shares},
        "holdings": {"asOfDate": day, "basket": [{"companyName": coin, "shares": held, "marketValue": assets}]},
        "navAndMarketPrice": {"nav": nav},
    }
    embedded = {"props": {"pageProps": {"fundData": {"data": data} if is_deep else data}}}
    return f"""<!DOCTYPE html><html><head><title>Bitwise</title></head><body>
<script id="__NEXT_DATA__" type="application/json">{json.dumps(embedded)}</script></body></html>""".encode()


def fidelity(day="10/07/2026", held=183166.9836, per_share=0.00087456, nav=73.4, nav_day="10/06/2026", **fields):
    """The quote of FBTC; the NAV is of the session before."""
    coins = {"totalUnitPerCoin": held, "unitPerShare": per_share, "asOfDate": day}
    quote = {"cryptoDetails": coins, "navPreviousDay": {"value": nav, "asOfDate": nav_day}, **fields}
    return json.dumps({"quoteData": quote | {"short": {"freeFloatShares": "209.4M"}}}).encode()


def invesco_prices(day="2026-10-07", shares=5080000, nav=82.921984, **fields):
    """Prices of BTCO."""
    return json.dumps({"effectiveDate": day, "nav": nav, "sharesOutstanding": shares} | fields).encode()


def invesco_details(day="2026-10-07", held=5051.6119, assets=421243677.4):
    """Details of BTCO."""
    return json.dumps({"effectiveDate": day, "units": held, "shareclassTotalNetAssets": assets}).encode()


def invesco_navs(*points):
    """The NAVs of a fund by day."""
    return json.dumps({"lineChartData": [{"data": [{"date": day, "value": nav} for day, nav in points]}]}).encode()


def coinshares(day="2026-10-07", shares="20155000", held="5678.764743", assets="473485291", nav="23.49", fund="BRRR"):
    """Both widgets of a fund."""

    def widget(name, **facts):
        return {
            "key": name,
            "sections": [{"type": "MADE", "meta": [{"key": key, "value": value} for key, value in facts.items()]}],
        }

    return json.dumps(
        [
            widget(
                f"VALKYRIE_HOLDINGS_{fund}",
                securityname="BITCOIN",
                date=day,
                shares=held,
                sharesoutstanding=shares,
                netassets=assets,
            ),
            widget(f"VALKYRIE_DAILY_{fund}", RateDate=day, NAV=nav, AUM=assets),
        ]
    ).encode()


def wisdomtree_day(day="2026-10-07", nav=88.1234, shares=1650000, thousands=145403.61, ticker="BTCW"):
    """One day of BTCW; net assets are in thousands of US$."""
    return {
        "dt": f"{day}T00:00:00.000Z",
        "nav": nav,
        "sharesOutstanding": shares,
        "aum": thousands,
        "navDelta": None,
        "ticker": ticker,
    }


def wisdomtree(day="2026-10-07", nav=88.1234, shares=1650000, **others):
    """A history of one day."""
    return json.dumps([wisdomtree_day(day, nav, shares, **others)]).encode()


def morgan_stanley(day="10/07/2026", shares="17,650,000", nav="20.123456"):
    """The pricing of MSBT."""
    pricing = {"nav6f": nav, "navAsOfDate": day, "outstandingShares": shares}
    return json.dumps({"en": {"shareClasses": [{"currencies": [{"pricings": pricing}]}]}}).encode()


def canary_row(day="10/07/2026", ticker="SOLC", assets="3,989,900.00", shares="170,000", nav="23.47"):
    """One line of the table of daily figures."""
    return (f"Canary {ticker} ETF", ticker, "13,723", assets, shares, nav, "", day)


def canary(*rows, table="4", day="10/07/2026", assets="3,989,900.00", shares="170,000", nav="23.47"):
    """A fund's page: a table of returns, then one of daily figures: a line of SOLC, unless others are given."""
    lines = (CANARY_COLUMNS, *(rows or [canary_row(day, "SOLC", assets, shares, nav)]))
    cells = "\n".join(f"<tr>{''.join(f'<td>{text}</td>' for text in line)}</tr>" for line in lines)
    return f"""<!DOCTYPE html><html><body><table><tr><th></th><th>YTD</th></tr></table>
<table data-wpdatatable_id="{table}">{cells}</table></body></html>""".encode()


def ark(day="10/08/2026", held="32,273", fund="ARKB", company="BITCOIN"):
    """The file of holdings, stamped with the business day after its close."""
    return (
        'date,fund,company,ticker,cusip,shares,"market value ($)","weight (%)"\n'
        f'{day},{fund},{company},BTC,,"{held}","$2,690,972,615.00",100.00%\n'
        '"Investors should carefully consider the objectives and risks"\n'
    ).encode()


def vaneck(day="2026-10-07T00:00:00", held="14,681", coin="Bitcoin"):
    """The holdings of HODL, with cash among them."""
    holdings = [(coin, held, "$1,223,984,133"), ("Other/Cash", "--", "$-1,024")]
    found = [{"HoldingName": name, "Shares": shares, "MV": value, "AsOfDate": day} for name, shares, value in holdings]
    return json.dumps({"AsOfDate": day, "Holdings": found}).encode()


def franklin(day="2026-10-07", held="5,603.61", shares="9,700,000", held_day=None):
    """The facts of EZBC, with another one among them."""
    facts = [
        ("BITCOIN_IN_FUND", held, held_day or day),
        ("SHARES_OUTSTANDING", shares, day),
        ("CUSIP", "35473L101", None),
    ]
    names = ("elemnamestd", "elemvalue", "asofdatestd")
    return json.dumps({"data": {"FundFact": [dict(zip(names, fact, strict=True)) for fact in facts]}}).encode()


Rows = Sequence[tuple[date, float, int]]
"""NAV and count by day, oldest first."""


def grayscale_history(rows: Rows, ticker="GBTC"):
    """The workbook of a fund, newest day first."""
    header = ("Name", "OTC Ticker", "Date", "Shares Outstanding", "NAV Per Share", "AUM")
    lines = [("Trust", ticker, day, shares, nav, nav * shares) for day, nav, shares in reversed(rows)]
    return workbook({"Daily Performance": [header, *lines]})


def twentyone_history(rows: Rows):
    """The valuations of a fund, newest day first."""
    names = ("valuation_date", "nav_per_share", "total_units_outstanding", "total_nav")
    days = [dict(zip(names, (str(day), nav, shares, nav * shares), strict=True)) for day, nav, shares in reversed(rows)]
    return json.dumps({"success": True, "data": days}).encode()


def vaneck_history(rows: Rows):
    """The workbook of HODL, newest day first."""
    lines = [(day, nav, nav * shares) for day, nav, shares in reversed(rows)]
    return workbook({"Historical Prices": [("VanEck Bitcoin ETF (HODL)",), ("Date", "NAV", "AUM"), *lines]})


def franklin_history(rows: Rows):
    """The prices of a fund, newest day first."""
    prices = [
        {"asofdatestd": str(day), "navstd": nav, "totalnetassets": nav * shares} for day, nav, shares in reversed(rows)
    ]
    return json.dumps({"data": {"PricesHistory": {"prices": prices}}}).encode()


def invesco_history(rows: Rows):
    """The NAVs of a fund."""
    return invesco_navs(*((str(day), nav) for day, nav, _ in rows))


def wisdomtree_history(rows: Rows):
    """The history of BTCW."""
    return json.dumps(
        [wisdomtree_day(str(day), nav, shares, nav * shares / 1000) for day, nav, shares in rows]
    ).encode()


def canary_history(rows: Rows):
    """A fund's page with all days of SOLC."""
    lines = [
        canary_row(f"{day:%m/%d/%Y}", "SOLC", f"{nav * shares:.2f}", str(shares), str(nav)) for day, nav, shares in rows
    ]
    return canary(*lines)


def ishares_history(rows: Rows):
    """The workbook of IBIT."""
    return ishares_workbook([(day, str(nav), str(shares)) for day, nav, shares in rows])
