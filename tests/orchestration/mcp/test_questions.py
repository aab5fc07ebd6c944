"""Desk questions, answered through the tools alone; the answers are those of plain Python over the sample's facts."""

import csv
import hashlib
import itertools
import json
import statistics
from collections import defaultdict
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion import sample
from orchestration.home import DBT_PROJECT

QUESTIONS = yaml.safe_load((Path(__file__).parent / "questions.yml").read_text())
FACTS = Path(sample.__file__).parent


@cache
def table(path: Path, key: str) -> dict[str, dict[str, str]]:
    """Rows of a CSV file by one of their columns."""
    with path.open() as file:
        return {row[key]: row for row in csv.DictReader(file)}


@cache
def printed(asset: str) -> dict[str, dict[str, float]]:
    """Flows as the aggregator printed them, in dollars, by session and ticker; `total` is the printed sum."""
    rows = table(FACTS / f"{asset.lower()}_flows.csv", "value_date")
    return {
        day: {name: round(float(row[name]) * 1e6) for name in row if name != "value_date"} for day, row in rows.items()
    }


@cache
def counts() -> dict[str, tuple[float, float]]:
    """IBIT's NAV and shares by the date of the count."""
    rows = table(FACTS / "ibit_fund_daily.csv", "as_of_date")
    return {day: (float(row["nav_usd"]), float(row["shares_outstanding"])) for day, row in rows.items()}


@cache
def flows(asset: str) -> dict[str, dict[str, float]]:
    """The flow that counts, by session and ticker: the issuer's counts before the aggregator's figure."""
    found = {day: {name: row[name] for name in row if name != "total"} for day, row in printed(asset).items()}
    if asset == "BTC":
        days = sorted(counts())
        for day, after in itertools.pairwise(days):
            nav, shares = counts()[day]
            found[day]["IBIT"] = (counts()[after][1] - shares) * nav
    return found


def asset_of(ticker: str) -> str:
    return table(DBT_PROJECT / "seeds/facts_funds.csv", "ticker")[ticker]["asset"]


def of_fund(ticker: str) -> dict[str, float]:
    return {day: row[ticker] for day, row in flows(asset_of(ticker)).items()}


def of_market(asset: str) -> dict[str, float]:
    return {day: sum(row.values()) for day, row in flows(asset).items()}


def flow(ticker: str, day: str) -> float:
    return of_fund(ticker)[day]


def difference(ticker: str, day: str) -> float:
    return of_fund(ticker)[day] - printed(asset_of(ticker))[day][ticker]


def monday(day: str) -> str:
    return str(date.fromisoformat(day) - timedelta(days=date.fromisoformat(day).weekday()))


def by_week(days: dict[str, float]) -> dict[str, float]:
    weeks: dict[str, float] = defaultdict(float)
    for day, amount in days.items():
        weeks[monday(day)] += amount
    return weeks


def week(ticker: str, first: str) -> float:
    return by_week(of_fund(ticker))[first]


def worst_days(ticker: str, count: int) -> list[str]:
    return sorted(of_fund(ticker), key=lambda day: of_fund(ticker)[day])[:count]


def worst_market_day(asset: str) -> str:
    return min(of_market(asset), key=lambda day: of_market(asset)[day])


def best_market_day(asset: str) -> str:
    return max(of_market(asset), key=lambda day: of_market(asset)[day])


def market(asset: str, day: str) -> float:
    return of_market(asset)[day]


def market_sum(asset: str, last: str, sessions: int) -> float:
    return sum([amount for day, amount in sorted(of_market(asset).items()) if day <= last][-sessions:])


def market_until(asset: str, last: str) -> float:
    return sum(amount for day, amount in of_market(asset).items() if day <= last)


def total(ticker: str) -> float:
    return sum(of_fund(ticker).values())


def signed_streak(days: dict[str, float], last: str) -> int:
    amounts = [amount for day, amount in sorted(days.items(), reverse=True) if day <= last]
    sign = (amounts[0] > 0) - (amounts[0] < 0)
    length = next((place for place, amount in enumerate(amounts) if amount * sign <= 0), len(amounts))
    return sign * length


def streak(ticker: str, last: str) -> int:
    return signed_streak(of_fund(ticker), last)


def market_streak(asset: str, last: str) -> int:
    return signed_streak(of_market(asset), last)


def best_fund(asset: str, day: str) -> str:
    return max(flows(asset)[day], key=lambda ticker: flows(asset)[day][ticker])


def rounded(amount: float) -> float:
    """To US$ 0.1 m, by which funds are ranked."""
    return round(amount / 1e5)


def day_rank(ticker: str, day: str) -> int:
    own = rounded(flow(ticker, day))
    return 1 + sum(rounded(amount) > own for amount in flows(asset_of(ticker))[day].values())


def history_rank(ticker: str, day: str) -> int:
    own = rounded(flow(ticker, day))
    return 1 + sum(rounded(amount) < own for amount in of_fund(ticker).values())


def sessions_in(asset: str) -> int:
    return sum(amount > 0 for amount in of_market(asset).values())


def funds_listed(asset: str, day: str) -> int:
    funds = table(DBT_PROJECT / "seeds/facts_funds.csv", "ticker").values()
    return sum(
        fund["asset"] == asset and "" < fund["first_flow_date"] <= day <= (fund["last_flow_date"] or day)
        for fund in funds
    )


def weeks_below(asset: str, bound: float) -> list[str]:
    return sorted(first for first, amount in by_week(of_market(asset)).items() if amount < bound)


def week_printed(first: str) -> float:
    return by_week({day: row["total"] for day, row in printed("BTC").items()})[first]


def shares(ticker: str, day: str) -> float:
    assert ticker == "IBIT"
    return counts()[day][1]


def filing(ticker: str, quarter_end: str) -> dict[str, str]:
    with (DBT_PROJECT / "seeds/facts_filings.csv").open() as file:
        rows = [
            row for row in csv.DictReader(file) if (row["ticker"], row["quarter_end_date"]) == (ticker, quarter_end)
        ]
    return rows[0]


def filed(ticker: str, quarter_end: str) -> float:
    return float(filing(ticker, quarter_end)["filed_native"])


def coins_per_share(ticker: str, day: str) -> float:
    """Those of the filing of September, less the fee since."""
    found = filing(ticker, "2025-09-30")
    days = (date.fromisoformat(day) - date(2025, 9, 30)).days
    at_end = float(found["filed_native"]) / float(found["shares_outstanding"])
    return at_end * (1 - fee(ticker) / 1e4) ** (days / 365)


def held(ticker: str, day: str) -> float:
    """A settlement-dated count shows the trades of the session before it."""
    after = min(each for each in counts() if each > day)
    return counts()[after][1] * coins_per_share(ticker, day)


def week_by_count(ticker: str, first: str) -> float:
    days = sorted(counts())
    return sum(
        (counts()[day][1] - counts()[before][1]) * coins_per_share(ticker, before)
        for before, day in itertools.pairwise(days)
        if monday(day) == first
    )


def fee(ticker: str) -> float:
    return float(table(DBT_PROJECT / "seeds/facts_funds.csv", "ticker")[ticker]["fee_bps"])


def closes(asset: str) -> dict[str, float]:
    rows = table(FACTS / f"{asset.lower()}_bars.csv", "price_date")
    return {day: float(row["close"]) for day, row in sorted(rows.items())}


def close(asset: str, day: str) -> float:
    return closes(asset)[day]


def is_below_mean(asset: str, day: str) -> bool:
    last = [price for each, price in closes(asset).items() if each <= day][-200:]
    return last[-1] < statistics.fmean(last)


def changes(asset: str) -> dict[str, float]:
    prices = list(closes(asset).items())
    return {day: price / before - 1 for (_, before), (day, price) in itertools.pairwise(prices)}


def worst_price_day(asset: str, first: str) -> str:
    return min((day for day in changes(asset) if day >= first), key=lambda day: changes(asset)[day])


def fear(day: str) -> float:
    return float(table(FACTS / "fear_greed.csv", "value_date")[day]["index_value"])


def holders_change(before: str, last: str) -> float:
    rows = table(FACTS / "holder_supply.csv", "value_date")
    return float(rows[last]["long_term_native"]) - float(rows[before]["long_term_native"])


def correlation(asset: str) -> float:
    days = sorted(of_market(asset))
    return statistics.correlation([of_market(asset)[day] for day in days], [changes(asset)[day] for day in days])


def capture(home: Path, source: str, resource: str, name: str = "") -> dict[str, Any]:
    """The provenance of the newest capture of a resource, or of the one whose address has a name in it."""
    found = [
        json.loads(path.read_text()) for path in sorted((home / "archive" / source / resource).glob("*.meta.json"))
    ]
    return [each for each in found if name in each["url"]][-1]


def sha256(home: Path, source: str, resource: str) -> str:
    file = capture(home, source, resource)["file"]
    return hashlib.sha256((home / "archive" / source / resource / file).read_bytes()).hexdigest()


def url(home: Path, source: str, resource: str, name: str) -> str:
    return capture(home, source, resource, name)["url"]


OF_THE_ARCHIVE = (sha256, url)
CHECKS = {
    check.__name__: check
    for check in (
        *(flow, difference, week, worst_days, worst_market_day, best_market_day, market, market_sum, market_until),
        *(total, streak, market_streak, best_fund, day_rank, history_rank, sessions_in, funds_listed, weeks_below),
        *(week_printed, shares, filed, held, week_by_count, fee, close, is_below_mean, worst_price_day, fear),
        *(holders_change, correlation, sha256, url),
    )
}


def expected(question: dict[str, Any], home: Path) -> Any:
    """The answer by plain Python."""
    name, *arguments = (str(each) if isinstance(each, date) else each for each in question["check"])
    return CHECKS[name](*([home] if CHECKS[name] in OF_THE_ARCHIVE else []), *arguments)


def alike(answer: Any, within: float) -> Any:
    """An answer as a test compares it: numbers within a part of themselves."""
    if isinstance(answer, list):
        return [alike(each, within) for each in answer]
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return pytest.approx(answer, rel=within, abs=1e-6)
    return str(answer) if isinstance(answer, date) else answer


def answered(ask, question: dict[str, Any]) -> Any:
    """What the tools say."""
    if "claim" in question:
        content = ask("claims", claim_id=question["claim"]).structured_content
    elif "cite" in question:
        mart, key, column = question["cite"]
        content = ask("cite", mart=mart, key=key, column=column).structured_content
    else:
        content = ask("query", sql=question["query"]).structured_content
        rows = content["rows"]
        return [row[0] for row in rows] if question.get("take") == "column" else rows[0][0]
    for step in question["take"]:
        content = content[step]
    return content


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["question"])
def test_a_question_is_answered_through_the_tools(ask, question):
    assert answered(ask, question) == alike(question["answer"], question.get("within", 1e-9))


@pytest.mark.parametrize("question", [each for each in QUESTIONS if "check" in each], ids=lambda each: each["question"])
def test_the_answer_is_that_of_plain_python_over_the_samples_facts(sample_home, question):
    assert expected(question, sample_home) == alike(question["answer"], question.get("within", 1e-9))


def test_there_are_forty_questions_each_asked_once():
    assert len(QUESTIONS) >= 40
    assert len({question["question"] for question in QUESTIONS}) == len(QUESTIONS)
    assert {question["check"][0] for question in QUESTIONS if "check" in question} == CHECKS.keys()
