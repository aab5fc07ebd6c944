"""Changes of printed figures: each kind by itself, and random observations against plain Python."""

import random
from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta

import pytest

DAYS = [date(2025, 3, 3) + timedelta(days=number) for number in range(4)]
LISTED = {"AAA": DAYS[0], "BBB": DAYS[0], "NEW": DAYS[2]}
SPLIT = 3.0
CLOSE = time(21)

FACTS = {
    "market_sessions": [{"session_date": day, "closes_at": datetime.combine(day, CLOSE)} for day in DAYS],
    "funds": [{"ticker": ticker, "asset": "BTC", "first_flow_date": day} for ticker, day in LISTED.items()],
    "fund_events": [
        {"ticker": "AAA", "event_date": DAYS[1], "kind": "split", "ratio": SPLIT},
        {"ticker": "AAA", "event_date": DAYS[1], "kind": "fee_change", "ratio": None},
    ],
}


def seen(day: date, values: dict[int, float | None], ticker="AAA", metric="net_flow_usd") -> list[dict]:
    """Observations of a cell, by hours after the start of its day; each is a change."""
    return [
        {
            "source": "farside" if metric == "net_flow_usd" else "ishares",
            "asset": "BTC",
            "ticker": ticker,
            "value_date": day,
            "metric": metric,
            "observed_at": datetime.combine(day, time()) + timedelta(hours=hours),
            "raw_text": None if value is None else str(value),
            "value": value,
            "archive_sha256": f"page {hours}",
        }
        for hours, value in values.items()
    ]


@pytest.mark.parametrize(
    ("values", "revisions"),
    [
        ({30: 5.0}, {}),
        ({30: 5.0, 40: 6.0}, {40: "correction"}),
        ({30: 0.0, 40: None, 50: 1.0}, {40: "withdrawal", 50: "restoration"}),
        ({12: 0.0, 40: 6.0}, {40: "placeholder"}),
        ({12: 0.0, 20: 1.0, 21: 6.0}, {20: "placeholder", 21: "placeholder"}),
        ({21: 0.0, 40: 6.0}, {40: "correction"}),  # at the close
        ({12: 0.0, 22: None, 40: 6.0}, {22: "placeholder"}),  # 6.0 is the first report
        ({12: 0.0, 22: None, 40: 6.0, 50: None}, {22: "placeholder", 50: "withdrawal"}),
    ],
)
def test_a_change_after_the_first_number_has_a_kind(rows_of, values, revisions):
    found = rows_of("etf_revisions", FACTS | {"etf_observations": seen(DAYS[0], values)})
    midnight = datetime.combine(DAYS[0], time())
    assert {(row["observed_at"] - midnight) / timedelta(hours=1): row["kind"] for row in found} == revisions
    for row in found:
        hours = round((row["observed_at"] - midnight) / timedelta(hours=1))
        before = max(hour for hour in values if hour < hours)
        assert (row["previous_value"], row["value"]) == (values[before], values[hours])
        assert (row["previous_archive_sha256"], row["archive_sha256"]) == (f"page {before}", f"page {hours}")
        assert row["hours_since_first"] == hours - min(values)


@pytest.mark.parametrize(
    ("metric", "before", "after", "kind"),
    [
        ("shares_outstanding", 100.0, 300.0, "restatement"),
        ("shares_outstanding", 300.0, 100.0, "correction"),
        ("nav_usd", 60.0, 20.0, "restatement"),
        ("nav_usd", 20.0, 60.0, "correction"),
        ("net_flow_usd", 100.0, 300.0, "correction"),
    ],
)
def test_a_history_restated_by_a_splits_ratio_is_no_correction(rows_of, metric, before, after, kind):
    observations = seen(DAYS[0], {30: before, 40: after}, metric=metric)
    assert [row["kind"] for row in rows_of("etf_revisions", FACTS | {"etf_observations": observations})] == [kind]


def test_a_total_is_revised_only_once_every_listed_fund_has_a_figure(rows_of):
    observations = seen(DAYS[0], {30: 5.0}) + seen(DAYS[0], {32: 2.0, 50: 3.0}, ticker="BBB")
    observations += seen(DAYS[0], {30: 5.0, 32: 7.0, 50: 8.0}, ticker="TOTAL")
    found = rows_of("etf_revisions", FACTS | {"etf_observations": observations})
    assert [(row["ticker"], row["previous_value"], row["value"]) for row in found] == [("BBB", 2, 3), ("TOTAL", 7, 8)]


def expected(observations: list[dict]) -> dict[tuple, tuple]:
    """The revisions as a person would list them."""
    cells = defaultdict(list)
    for row in sorted(observations, key=lambda row: row["observed_at"]):
        cells[row["ticker"], row["value_date"], row["metric"]].append(row)
    first_reports = defaultdict(dict)
    for (ticker, day, metric), rows in cells.items():
        reports = [row["observed_at"] for row in rows if row["value"] is not None and not is_early(row)]
        if metric == "net_flow_usd" and reports:
            first_reports[day][ticker] = reports[0]
    found = {}
    for (ticker, day, metric), rows in cells.items():
        waited_for = [first_reports[day].get(fund) for fund, first in LISTED.items() if day >= first]
        has_report, first = False, None
        for before, row in zip([None, *rows], rows, strict=False):
            previous = before["value"] if before else None
            is_change = row["value"] != previous and (previous is not None or has_report)
            is_open = day not in DAYS or None in waited_for
            is_latency = ticker == "TOTAL" and (is_open or row["observed_at"] <= max(waited_for))
            if is_change and not is_latency:
                hours = (row["observed_at"] - first) / timedelta(hours=1)
                pages = before["archive_sha256"], row["archive_sha256"]
                found[ticker, day, metric, row["observed_at"]] = (
                    kind_of(before, row),
                    previous,
                    row["value"],
                    hours,
                    *pages,
                )
            first = first or (row["observed_at"] if row["value"] is not None else None)
            has_report = has_report or (row["value"] is not None and not is_early(row))
    return found


def is_early(row: dict) -> bool:
    """Whether a fund's flow was printed before the close; counts may be stamped by a day to come, totals run."""
    is_flow = row["metric"] == "net_flow_usd" and row["ticker"] != "TOTAL"
    return is_flow and row["value_date"] in DAYS and row["observed_at"] < datetime.combine(row["value_date"], CLOSE)


def kind_of(before: dict, row: dict) -> str:
    ticker, metric = row["ticker"], row["metric"]
    if before["value"] is not None and is_early(before):
        return "placeholder"
    is_listed = row["value_date"] in DAYS and row["value_date"] >= LISTED.get(ticker, date.max)
    if metric == "net_flow_usd" and ticker != "TOTAL" and not is_listed:
        return "unlisted"
    if row["value"] is None:
        return "withdrawal"
    if before["value"] is None:
        return "restoration"
    grown = {"shares_outstanding": SPLIT, "nav_usd": 1 / SPLIT}.get(metric, 0)
    is_split = ticker == "AAA" and abs(row["value"] / (before["value"] or 1) / (grown or 1) - 1) < 0.001
    return "restatement" if grown and is_split else "correction"


def random_cell(draw: random.Random, ticker: str, day: date, metric: str) -> list[dict]:
    """A cell's changes at any hours, blanks among them."""
    values, hours = {}, sorted(draw.sample(range(8, 60), draw.randint(0, 6)))
    for hour in hours:
        before = [*values.values()][-1] if values else None
        choices = [1.0, 2.0, 3.0, 9.0] + ([None] if metric == "net_flow_usd" and values else [])
        values[hour] = draw.choice([value for value in choices if value != before])
    return seen(day, values, ticker, metric)


def test_random_observations_are_revised_as_in_plain_python(rows_of):
    draw, kinds = random.Random(12), Counter()
    for _ in range(40):
        cells = [
            (ticker, day, "net_flow_usd") for ticker in (*LISTED, "ZZZ", "TOTAL") for day in (*DAYS, date(2025, 3, 9))
        ]
        cells += [
            (ticker, day, metric)
            for ticker in ("AAA", "BBB")
            for day in DAYS
            for metric in ("shares_outstanding", "nav_usd")
        ]
        observations = [row for cell in cells for row in random_cell(draw, *cell)]
        found = {
            (row["ticker"], row["value_date"], row["metric"], row["observed_at"]): (
                row["kind"],
                row["previous_value"],
                row["value"],
                pytest.approx(row["hours_since_first"]),
                row["previous_archive_sha256"],
                row["archive_sha256"],
            )
            for row in rows_of("etf_revisions", FACTS | {"etf_observations": observations})
        }
        assert found == expected(observations)
        kinds.update(kind for kind, *_ in found.values())
    print(dict(kinds))
    assert len(kinds) == 6
    assert min(kinds.values()) > 20
