"""Workbooks with one thing wrong, from their bytes to the flows: refused, right, or null with a finding."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from ingestion.errors import PageRefused
from ingestion.sources import ishares

SEEDED, MUTATIONS = 12, 400
DAYS = [date(2025, 3, 3) + timedelta(days=number) for number in range(40)]
HEADER = ["As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"]
SS = 'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"'

Table = list[list[str]]


def history(draw: random.Random) -> Table:
    """Days of a fund, the newest first: its NAV moves by some 3 % a day, its count by some 0.5 %."""
    nav, count, rows = 50.0, 1_300_000_000, []
    for day in DAYS:
        nav *= 1 + draw.gauss(0, 0.03)
        count = round(count * (1 + draw.gauss(0, 0.005)) / 40_000) * 40_000
        rows.append([f"{day:%b %d, %Y}", f"{nav:.6f}", "--", str(count)])
    return [HEADER, *reversed(rows)]


def workbook(table: Table) -> bytes:
    texts = [[f"<ss:Cell><ss:Data>{text}</ss:Data></ss:Cell>" for text in row] for row in table]
    rows = "".join(f"<ss:Row>{''.join(row)}</ss:Row>" for row in texts)
    sheet = f'<ss:Worksheet ss:Name="Historical"><ss:Table>{rows}</ss:Table></ss:Worksheet>'
    return f"<ss:Workbook {SS}>{sheet}</ss:Workbook>".encode()


def lost_digit(draw: random.Random, text: str) -> str:
    at = draw.randrange(1, len(text))
    return text[:at] + text[at + 1 :]


def doubled_digit(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text))
    return text[: at + 1] + text[at:]


CELL = {
    "lost digit": lost_digit,
    "doubled digit": doubled_digit,
    "zero": lambda draw, text: "0",
    "blank": lambda draw, text: "--",
    "decimal comma": lambda draw, text: text.replace(".", ","),
    "thousandfold": lambda draw, text: f"{float(text) * 1000:.0f}",
    "negative": lambda draw, text: f"-{text}",
    "5,000 digits": lambda draw, text: text * 500,
    "words": lambda draw, text: "n/a",
}


def mutated(draw: random.Random, kind: str, table: Table) -> bytes:
    rows, at = [[*row] for row in table], draw.choice([1, draw.randrange(1, len(table))])
    if kind in CELL:
        column = draw.choice([1, 3])
        rows[at][column] = CELL[kind](draw, rows[at][column])
    elif kind == "mistyped year":
        rows[at][0] = rows[at][0].replace("2025", draw.choice(["2024", "2205"]))
    elif kind == "columns exchanged":
        rows = [[row[0], row[3], row[2], row[1]] for row in rows[1:]]
        rows.insert(0, HEADER)
    elif kind == "rows exchanged":
        at = max(at, 2)
        rows[at], rows[at - 1] = rows[at - 1], rows[at]
    elif kind == "row gone":
        del rows[at]
    elif kind == "row copied":
        rows[at : at + 3] = [[day, *rows[at][1:]] for day, *_ in rows[at : at + 3]]
    elif kind == "split":
        ratio = draw.choice([2, 3, 1 / 3, 1.5])
        for row in rows[1 : at + 1]:
            row[1], row[3] = f"{float(row[1]) / ratio:.6f}", f"{float(row[3]) * ratio:.0f}"
    content = workbook(rows)
    return content[: draw.randrange(len(content))] if kind == "cut short" else content


KINDS = (
    *CELL,
    "mistyped year",
    "columns exchanged",
    "rows exchanged",
    "row gone",
    "row copied",
    "split",
    "cut short",
)


@pytest.fixture(scope="module")
def told(rows_of):
    """What became of each mutation: its kind, the true flows, and the flows and findings shown; None where refused."""
    draw = random.Random(SEEDED)
    table = history(draw)
    served = {"true": workbook(table)}
    kinds = {f"F{number}": draw.choice(KINDS) for number in range(MUTATIONS)}
    served |= {ticker: mutated(draw, kind, table) for ticker, kind in kinds.items()}
    observed = []
    for ticker, content in served.items():
        try:
            cells = ishares.SOURCE.read(content, "IBIT").to_dicts()
        except PageRefused:
            continue
        known = [cell for cell in cells if cell["value"] is not None]
        observed += [cell | {"source": "ishares", "ticker": ticker, "observed_at": DAYS[-1]} for cell in known]
    tables = {
        "etf_observations": observed,
        "market_sessions": [{"session_date": day, "opens_at": day, "closes_at": day} for day in DAYS],
        "funds": [
            {"ticker": ticker, "asset": "BTC", "first_flow_date": date(2024, 1, 11), "fee_bps": 0.0}
            | {"share_date_convention": "settlement_date"}
            for ticker in served
        ],
    }
    flows = {ticker: {} for ticker in served}
    for row in rows_of("etf_flows_daily", tables):
        flows[row["ticker"]][row["trade_date"]] = row["net_flow_usd"]
    findings = Counter(row["ticker"] for row in rows_of("int_etf__share_counts", tables) if row["finding"])
    read = {row["ticker"] for row in observed}
    return [
        (kind, flows["true"], flows[ticker] if ticker in read else None, findings[ticker])
        for ticker, kind in kinds.items()
    ]


def test_a_workbook_with_one_thing_wrong_is_refused_right_or_null(told):
    """A wrong digit that moves a figure by less than a quarter cannot be told from a true one. The year of the first or
    last row can be mistyped in order; its own day is then without a row."""
    outcomes, largest = Counter(), 0.0
    for kind, true, shown, findings in told:
        if shown is None:
            outcomes["refused"] += 1
            continue
        off = [abs(flow - true[day]) for day, flow in shown.items() if flow is not None and true.get(day) is not None]
        is_off = max(off, default=0) > 60_000
        is_null = any(shown.get(day) is None for day, flow in true.items() if flow is not None)
        outcomes["small change unseen" if is_off else "null" if is_null else "right"] += 1
        assert not is_off or kind in ("lost digit", "doubled digit", "row copied"), kind
        assert findings or not is_null or kind in ("blank", "row gone", "mistyped year"), kind
        largest = max(largest, *off)
    print(dict(outcomes), f"largest unseen: US$ {largest:,.0f}")
    assert sum(outcomes.values()) == MUTATIONS
    assert largest < 0.25 * 1_500_000_000 * 80
    assert outcomes["small change unseen"] < MUTATIONS / 10
