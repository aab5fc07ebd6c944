"""Counts and NAVs of funds that can be believed: each fault by itself, and random histories against plain Python."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise, product
from math import exp, log

import pytest

SEEN = datetime(2026, 1, 1)
FIRST = date(2025, 3, 3)
PLACES = (10, -1)
"""A session in the middle, and the newest one."""


@dataclass
class Fund:
    """A fund's NAV, count and printed flow by session, from its first one on; None where a row lacks it."""

    ticker: str
    navs: list[float | None]
    counts: list[float | None]
    closes: list[float | None] | None = None
    printed: list[float | None] = field(default_factory=list)
    convention: str = "settlement_date"
    listed: date = date(2020, 1, 2)
    split: tuple[int, float] | None = None

    def day(self, number: int) -> date:
        return FIRST + timedelta(days=number % len(self.navs))


def tables(*funds: Fund) -> dict[str, list[dict]]:
    """The rows of the marts: every day is a session, and each fund has an asset of its own."""
    days = [FIRST + timedelta(days=number) for number in range(max(len(fund.navs) for fund in funds))]
    return {
        "market_sessions": [
            {
                "session_date": day,
                "opens_at": datetime.combine(day, time(14)),
                "closes_at": datetime.combine(day, time(21)),
            }
            for day in days
        ],
        "funds": [
            {
                "ticker": fund.ticker,
                "asset": fund.ticker,
                "first_flow_date": fund.listed,
                "fee_bps": 0.0,
                "share_date_convention": fund.convention,
            }
            for fund in funds
        ],
        "etf_fund_fees": [{"ticker": fund.ticker, "from_date": FIRST, "fee_bps": 0} for fund in funds],
        "fund_events": [
            {"ticker": fund.ticker, "event_date": fund.day(fund.split[0]), "kind": "split", "ratio": fund.split[1]}
            for fund in funds
            if fund.split
        ],
        "etf_observations": [row for fund in funds for row in observed(fund)],
        "int_market__price_observations": [
            {"source": "made", "asset": fund.ticker, "venue": "binance", "value_date": day, "metric": "close_usd"}
            | {"value": close, "observed_at": SEEN}
            for fund in funds
            for day, close in zip(days, fund.closes or (), strict=False)
            if close is not None
        ],
    }


def observed(fund: Fund) -> Iterator[dict]:
    figures = (("ishares", "nav_usd", fund.navs), ("ishares", "shares_outstanding", fund.counts))
    for source, metric, values in (*figures, ("farside", "net_flow_usd", fund.printed)):
        for number, value in enumerate(values):
            if value is not None:
                yield {
                    "source": source,
                    "asset": fund.ticker,
                    "ticker": fund.ticker,
                    "value_date": FIRST + timedelta(days=number),
                    "metric": metric,
                    "observed_at": SEEN,
                    "value": value,
                }


def steady(ticker: str = "AAA", sessions: int = 20, **fields) -> Fund:
    """A fund whose NAV follows the close and moves every session, and which takes in 1 % more shares on each."""
    wave = [1 + 0.03 * ((number * 7) % 5 - 2) / 2 for number in range(sessions)]
    counts = [float(round(10_000_000 * 1.01**number)) for number in range(sessions)]
    fund = Fund(ticker, [50 * step for step in wave], counts, [100_000 * step for step in wave])
    return Fund(**(vars(fund) | fields))


@dataclass(frozen=True)
class Outcome:
    """What the warehouse says of a fund, by number of session."""

    counts: list[float | None]
    navs: list[float | None]
    findings: list[str | None]
    flows: list[float | None]


@pytest.fixture
def outcome(rows_of) -> Callable[[Fund], Outcome]:
    return lambda fund: outcomes(rows_of, fund)[fund.ticker]


def outcomes(rows_of, *funds: Fund) -> dict[str, Outcome]:
    held = tables(*funds)
    judged = {(row["ticker"], row["as_of_date"]): row for row in rows_of("int_etf__share_counts", held)}
    flows = {
        (row["ticker"], row["trade_date"]): row["net_flow_usd"]
        for row in rows_of("etf_flows_daily", held)
        if row["source"] == "issuer"
    }
    found = {}
    for fund in funds:
        keys = [(fund.ticker, FIRST + timedelta(days=number)) for number in range(len(fund.navs))]
        rows = [judged.get(key, {}) for key in keys]
        columns = ([row.get(name) for row in rows] for name in ("shares_outstanding", "nav_usd", "finding"))
        found[fund.ticker] = Outcome(*columns, [flows.get(key) for key in keys])
    return found


# Each kind of fault by itself.


def test_a_steady_fund_has_no_finding_and_every_flow(outcome):
    fund = steady()
    found = outcome(fund)
    assert (found.counts, found.navs, set(found.findings)) == (fund.counts, fund.navs, {None})
    expected = [(after - before) * nav for (before, after), nav in zip(pairwise(fund.counts), fund.navs, strict=False)]
    assert found.flows[:-1] == pytest.approx(expected)
    assert found.flows[-1] is None


def changed(fund: Fund, place: int, factor: float, metric: str = "counts") -> Fund:
    """The fund with the figure of one session multiplied."""
    values = [*getattr(fund, metric)]
    values[place] *= factor
    return Fund(**(vars(fund) | {metric: values}))


@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_count_is_null_with_the_flows_on_both_sides_of_it(rows_of, place):
    fund, factors = steady(), (0, 10, 0.1, 1000, 0.001, 1.5)
    found = outcomes(rows_of, fund, *(changed(steady(f"x{factor}"), place, factor) for factor in factors))
    right, at = found[fund.ticker], place % len(fund.counts)
    for factor in factors:
        wrong = found[f"x{factor}"]
        assert wrong.findings[at] == "implausible_count"
        assert wrong.counts == [*fund.counts[:at], None, *fund.counts[at + 1 :]]
        assert wrong.flows == [*right.flows[: at - 1], None, None, *right.flows[at + 1 :]]


@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_nav_is_null_and_values_no_flow(rows_of, place):
    fund, factors = steady(), (10, 0.1, 1000, 0.001)
    found = outcomes(rows_of, *(changed(steady(f"x{factor}"), place, factor, "navs") for factor in factors))
    at = place % len(fund.navs)
    for wrong in found.values():
        assert wrong.findings[at] == "implausible_nav"
        assert wrong.navs == [*fund.navs[:at], None, *fund.navs[at + 1 :]]
        assert wrong.counts == fund.counts
        assert wrong.flows[at - 1] is wrong.flows[at] is None


def split(fund: Fund, place: int, ratio: float) -> Fund:
    """The fund whose counts and NAVs from a session on are those after a split."""
    at = place % len(fund.navs)
    navs = [nav if number < at else nav / ratio for number, nav in enumerate(fund.navs)]
    counts = [count if number < at else count * ratio for number, count in enumerate(fund.counts)]
    return Fund(**(vars(fund) | {"navs": navs, "counts": counts}))


@pytest.mark.parametrize("closes", [{}, {"closes": None}], ids=["with closes", "without"])
@pytest.mark.parametrize("place", PLACES)
def test_a_split_that_no_seed_knows_has_no_flow_and_a_finding(rows_of, place, closes):
    fund, ratios = steady(**closes), (2, 3, 1 / 3, 1.5, 1.25, 1.2, 0.1)
    splits = [split(steady(f"{ratio} for 1", **closes), place, ratio) for ratio in ratios]
    found = outcomes(rows_of, fund, *splits)
    at = place % len(fund.navs)
    expected = found[fund.ticker].flows
    expected[at - 1] = None
    for served in splits:
        judged = found[served.ticker]
        assert {number: kind for number, kind in enumerate(judged.findings) if kind} == {at: "unknown_split"}
        assert judged.counts == served.counts
        assert judged.flows == [flow if flow is None else pytest.approx(flow) for flow in expected]


@pytest.mark.parametrize("convention", ["settlement_date", "trade_date"])
@pytest.mark.parametrize("closes", [{}, {"closes": None}], ids=["with closes", "without"])
def test_a_known_split_is_taken_out_where_the_counts_have_it(rows_of, closes, convention):
    """Also where the seed's day is a session beside the counts' own, and not where the issuer restated its counts."""
    funds = [steady(convention=convention, **closes)]
    for ratio, off, is_restated in product((2, 3, 1 / 3, 1.5), (-1, 0, 1), (True, False)):
        fund = steady(f"{ratio} {off} {is_restated}", convention=convention, **closes)
        served = fund if is_restated else split(fund, 10, ratio)
        served.split = (10 + off, ratio)
        funds.append(served)
    found = outcomes(rows_of, *funds)
    expected = found["AAA"].flows
    assert expected.count(None) == 1
    for judged in found.values():
        assert set(judged.findings) == {None}
        assert judged.flows == [flow if flow is None else pytest.approx(flow) for flow in expected]


@pytest.mark.parametrize("has_closes", [True, False])
@pytest.mark.parametrize("place", [10, 17])
def test_a_nav_of_three_sessions_is_a_copied_row(outcome, place, has_closes):
    fund = steady() if has_closes else steady(closes=None)
    for values in (fund.navs, fund.counts):
        values[place + 1 : place + 3] = [values[place]] * 2
    found = outcome(fund)
    copies = [place + 1, place + 2]
    assert [number for number, kind in enumerate(found.findings) if kind == "copied_row"] == copies
    assert [number for number, count in enumerate(found.counts) if count is None] == copies
    assert [number for number, nav in enumerate(found.navs) if nav is None] == copies
    assert {place, place + 1, place + 2} <= {number for number, flow in enumerate(found.flows) if flow is None}


def test_a_nav_of_two_sessions_is_none(outcome):
    fund = steady()
    fund.navs[11] = fund.navs[10]
    assert "copied_row" not in outcome(fund).findings


def test_a_nav_that_always_stands_still_says_nothing_without_closes(outcome):
    still = Fund("AAA", [54.0] * 10, [140_000_000.0] * 10, split=(6, 1 / 3))
    found = outcome(still)
    assert found.findings == [None] * 10
    assert found.flows == [0.0] * 9 + [None]
    still.closes = [3000.0 + number for number in range(10)]
    assert outcome(still).findings == [None, *["copied_row"] * 9]


def test_a_large_flow_is_believed_where_another_source_printed_it(outcome):
    fund = steady()
    fund.counts[10:] = [count * 2 for count in fund.counts[10:]]
    assert outcome(fund).findings[10] == "implausible_count"
    flow = (fund.counts[10] - fund.counts[9]) * fund.navs[9]
    fund.printed = [None] * 9 + [flow * 1.009]
    believed = outcome(fund)
    assert (believed.findings[10], believed.flows[9]) == (None, pytest.approx(flow))
    fund.printed = [None] * 9 + [flow * 1.02]
    assert outcome(fund).findings[10] == "implausible_count"


@pytest.mark.parametrize(
    ("grown", "listed", "is_believed"),
    [
        ([400_000.0, 10_520_000.0], 0, True),
        ([400_000.0, 4_000_000.0], 0, False),  # a whole multiple, as of a lost digit
        ([400_000.0, 10_520_000.0], -60, False),  # 60 days after its listing
        ([400_000.0, 11_020_000.0], 0, False),  # more than US$ 500 m
        ([4_000_000.0, 400_000.0, 5_120_000.0], 0, False),  # from less than it had
    ],
)
def test_a_fund_grows_by_multiples_only_after_its_listing(outcome, grown, listed, is_believed):
    sessions = 20
    counts = [*grown, *[grown[-1]] * (sessions - len(grown))]
    fund = steady(sessions=sessions, counts=counts, listed=FIRST + timedelta(days=listed))
    assert (set(outcome(fund).findings) == {None}) == is_believed


def test_a_missing_row_leaves_both_flows_unknown_and_is_no_finding(outcome):
    fund = steady()
    fund.counts[10] = fund.navs[10] = None
    found = outcome(fund)
    assert set(found.findings) == {None}
    assert [number for number, flow in enumerate(found.flows) if flow is None] == [9, 10, 19]


def coins_per_share(rows_of, filings: list[dict], days: list[date], **tables: list[dict]) -> dict[date, float | None]:
    """Coins behind a share of a fund that charges 1 % a year, by day; every day is a session."""
    first = min(filing["quarter_end_date"] for filing in filings)
    sessions = [first + timedelta(days=number) for number in range((max(days) - first).days + 1)]
    own = {
        "funds": [{"ticker": "AAA", "asset": "BTC"}],
        "etf_fund_fees": [{"ticker": "AAA", "from_date": date(2024, 1, 11), "fee_bps": 100}],
        "market_sessions": [{"session_date": day, "next_session_date": day + timedelta(days=1)} for day in sessions],
        "etf_filings": [
            {"asset": "BTC", "ticker": "AAA", "shares_outstanding": 1000.0}
            | {"counted_session_date": filing["quarter_end_date"]}
            | filing
            for filing in filings
        ],
    }
    counts = [
        {"source": "ishares", "asset": "BTC", "ticker": "AAA", "value_date": day}
        | {"metric": "shares_outstanding", "observed_at": SEEN, "value": 100.0}
        for day in days
    ]
    given = own | tables | {"etf_observations": [*counts, *tables.get("etf_observations", [])]}
    return {row["as_of_date"]: row["native_per_share"] for row in rows_of("int_etf__share_counts", given)}


def filing(quarter: date, coins: float) -> dict:
    return {"quarter_end_date": quarter, "filed_native": coins}


def test_coins_per_share_are_those_of_the_filing_before_less_the_fee_else_of_the_next(rows_of):
    """1 % a year. 365 days after the filing of 2024 a share has 1 % less; on a filing's own day that filing counts."""
    known = {date(2023, 4, 2): 0.2020202, date(2024, 4, 1): 0.2, date(2025, 4, 1): 0.198, date(2025, 4, 2): 0.19805}
    filings = [filing(date(2024, 4, 1), 200.0), filing(date(2025, 4, 2), 198.05)]
    assert coins_per_share(rows_of, filings, list(known)) == pytest.approx(known, rel=1e-6)


def test_fees_count_from_their_first_day(rows_of):
    """Nothing until 2024-07-01, whose fee is the first: on the evening before a share has all its coins."""
    fees = [
        {"ticker": "AAA", "from_date": date(2024, 1, 11), "fee_bps": 0},
        {"ticker": "AAA", "from_date": date(2024, 7, 1), "fee_bps": 100},
    ]
    known = {date(2024, 6, 30): 0.2, date(2024, 7, 1): 0.2 * 0.99 ** (1 / 365), date(2025, 6, 30): 0.198}
    found = coins_per_share(rows_of, [filing(date(2024, 4, 1), 200.0)], list(known), etf_fund_fees=fees)
    assert found == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize(
    ("filed", "counts"),
    [
        ([40_000.0, 39_900.0, 39_800.0, 39_700.0], [0, 1, 2, 3]),
        ([40_000.0, 39_900.0, 39_700.0, 39_600.0], [0, 1, 3]),
        ([40_000.0, 39_700.0, 39_610.0, 39_510.0], [2, 3]),  # the second does not follow from the first
        ([400.0, 398.2, 397.4, 396.5], [0, 1, 2, 3]),  # 20 basis points, but less than a coin
    ],
)
def test_a_filing_off_the_path_from_the_one_before_is_passed_over(rows_of, filed, counts):
    """The fee takes 25 basis points a quarter."""
    quarters = [date(2024, 3, 31), date(2024, 6, 30), date(2024, 9, 30), date(2024, 12, 31)]
    filings = [filing(quarter, coins) for quarter, coins in zip(quarters, filed, strict=True)]
    found = coins_per_share(rows_of, filings, quarters)
    own = {quarter: pytest.approx(coins / 1000, rel=1e-9) for quarter, coins in zip(quarters, filed, strict=True)}
    used = [at for at, quarter in enumerate(quarters) if found[quarter] == own[quarter]]
    assert used == counts


def test_a_spin_off_takes_its_part_of_the_coins_settled_before_it(rows_of):
    """100 of 1,000 coins given on 10 May after 200 had left: those of 8 May and before are settled, 9 May's are not."""
    event = {"ticker": "AAA", "event_date": date(2024, 5, 10), "kind": "spin_off", "native_amount": -100.0}
    flows = [
        {"source": "farside", "asset": "BTC", "ticker": "AAA", "metric": "net_flow_usd", "observed_at": SEEN}
        | {"value_date": day, "value": dollars}
        for day, dollars in ((date(2024, 5, 8), -2000.0), (date(2024, 5, 9), -3000.0))
    ]
    closes = [
        {"source": "made", "asset": "BTC", "venue": "binance", "metric": "close_usd", "observed_at": SEEN}
        | {"value_date": day, "value": 10.0}
        for day in (date(2024, 5, 8), date(2024, 5, 9))
    ]
    fees = [{"ticker": "AAA", "from_date": date(2024, 1, 11), "fee_bps": 0}]
    known = {date(2024, 5, 9): 1.2, date(2024, 5, 10): 1.08, date(2024, 6, 30): 1.0802, date(2024, 7, 1): 1.0802}
    found = coins_per_share(
        rows_of,
        [filing(date(2024, 3, 31), 1200.0), filing(date(2024, 6, 30), 1080.2)],
        list(known),
        etf_fund_fees=fees,
        fund_events=[event],
        etf_observations=flows,
        int_market__price_observations=closes,
    )
    assert found == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("has_closes", [True, False])
def test_coins_per_share_are_not_known_once_a_split_changed_what_a_share_is(rows_of, has_closes):
    fund = split(steady() if has_closes else steady(closes=None), 10, 3)
    filing = {"ticker": "AAA", "quarter_end_date": FIRST, "filed_native": 500.0, "shares_outstanding": 1_000_000.0}
    rows = rows_of("int_etf__share_counts", tables(fund) | {"etf_filings": [filing]})
    known = {row["as_of_date"]: row["native_per_share"] for row in rows}
    assert [known[FIRST + timedelta(days=number)] for number in range(20)] == [0.0005] * 10 + [None] * 10


# Random histories, judged here again in plain Python.


def ratio(after: float | None, before: float | None) -> float | None:
    return after / before if after and before else None


class Judge:
    """The rules, session by session."""

    def __init__(self, fund: Fund):
        self.fund = fund
        self.sessions = range(len(fund.navs))
        self.counts = [count or None for count in fund.counts]
        closes = fund.closes or [None] * len(fund.navs)
        self.close_ratios = [None, *(ratio(after, before) for before, after in pairwise(closes))]
        self.splits = self._splits()
        self.drifts = [self._nav_move(at, self.splits.get(at, 1)) for at in self.sessions]
        self.count_ratios = [self._count_ratio(at) for at in self.sessions]
        self.copied = [self._is_copied(at) for at in self.sessions]
        self.nav_off = [drift is not None and abs(drift) > self._bound(at) for at, drift in enumerate(self.drifts)]
        self.count_off = [self._is_unexplained(at, lambda r: abs(r - 1) > 0.25) for at in self.sessions]
        self.unknown = [self._is_unknown_split(at) for at in self.sessions]
        self.count_wrong = self._wrong(self.count_off, self.count_ratios, self.counts, lambda at, r: abs(r - 1) <= 0.25)
        factors = [None if drift is None else exp(drift) for drift in self.drifts]
        self.nav_wrong = self._wrong(self.nav_off, factors, fund.navs, lambda at, r: abs(log(r)) <= self._bound(at))

    def _bound(self, at: int) -> float:
        return 0.15 if self.close_ratios[at] else 0.25

    def _nav_move(self, at: int, taken_out: float) -> float | None:
        moved = ratio(self.fund.navs[at], self.fund.navs[at - 1]) if at else None
        return None if moved is None else log(moved * taken_out) - log(self.close_ratios[at] or 1)

    def _splits(self) -> dict[int, float]:
        """Where the event's ratio is seen in the NAV: at the session of the event or one beside it."""
        if not self.fund.split:
            return {}
        place, factor = self.fund.split
        near = [at for at in (place - 1, place, place + 1) if 0 < at < len(self.fund.navs)]
        moves = {at: self._nav_move(at, 1) for at in near}
        seen = {at: abs(move + log(factor)) for at, move in moves.items() if move is not None}
        seen = {at: distance for at, distance in seen.items() if distance < abs(moves[at])}
        return {min(seen, key=seen.get): factor} if seen else {}

    def _count_ratio(self, at: int) -> float | None:
        moved = ratio(self.counts[at], self.counts[at - 1]) if at else None
        return None if moved is None else moved / self.splits.get(at, 1)

    def created(self, at: int) -> float | None:
        if self.count_ratios[at] is None:
            return None
        before, after, taken_out = self.counts[at - 1], self.counts[at], self.splits.get(at, 1)
        return after / taken_out - before if self._is_settled else after - before * taken_out

    @property
    def _is_settled(self) -> bool:
        return self.fund.convention == "settlement_date"

    def _is_unexplained(self, at: int, is_large: Callable[[float], bool]) -> bool:
        moved, day = self.count_ratios[at], FIRST + timedelta(days=at)
        if moved is None or not is_large(moved):
            return False
        nav = self.fund.navs[at - 1 if self._is_settled else at]
        printed = dict(enumerate(self.fund.printed)).get(at - 1 if self._is_settled else at)
        cost = self.created(at) * nav if nav else None
        if None not in (printed, cost) and abs(printed - cost) <= max(60_000, abs(printed) * 0.01):
            return False
        most = max(count for count in self.fund.counts[:at] if count is not None)
        is_new = (day - self.fund.listed).days <= 45 and self.counts[at] > most * 1.25
        is_grown = is_new and self.counts[at - 1] * 1.25 >= most and abs(moved - round(moved)) > 0.01
        return not (is_grown and cost is not None and cost <= 500e6)

    def _is_unknown_split(self, at: int) -> bool:
        drift, moved = self.drifts[at], self.count_ratios[at]
        if drift is None or moved is None:
            return False
        is_large = self.nav_off[at] or self._is_unexplained(at, lambda r: abs(log(r)) > 0.18)
        return is_large and abs(log(moved) + drift) < max(abs(drift), abs(log(moved))) / 2

    def _is_copied(self, at: int) -> bool:
        navs = [None, None, *self.fund.navs, None]
        two_before, before, nav, after = navs[at : at + 4]
        if nav is None or nav != before or nav not in (two_before, after):
            return False
        if self.close_ratios[at]:
            return self.close_ratios[at] != 1
        known = [pair for pair in pairwise(self.fund.navs) if pair[0] is not None]
        return 2 * sum(after is not None and after != before for before, after in known) > len(known)

    def _wrong(self, off, factors, figures, is_back) -> list[bool]:
        """Single outliers, and levels of fewer than three figures beside another."""
        outlier = [
            off[at] and at + 1 in self.sessions and off[at + 1] and is_back(at, factors[at] * factors[at + 1])
            for at in self.sessions
        ]
        level, levels = 0, []
        for at in self.sessions:
            level += off[at] and not (self.unknown[at] or outlier[at] or (at and outlier[at - 1]))
            levels.append(level)
        sizes = Counter(level for level, figure in zip(levels, figures, strict=True) if figure is not None)
        return [outlier[at] or (level > 0 and sizes[levels[at]] < 3) for at in self.sessions]

    def is_null(self, at: int) -> bool:
        return self.counts[at] is None or self.copied[at] or self.count_wrong[at]

    def finding(self, at: int) -> str | None:
        if self.fund.counts[at] == 0:
            return "implausible_count"
        if self.copied[at]:
            return "copied_row"
        if self.unknown[at]:
            return "unknown_split"
        if self.count_off[at] or self.count_wrong[at]:
            return "implausible_count"
        return "implausible_nav" if self.nav_off[at] or self.nav_wrong[at] else None

    def flow(self, at: int) -> float | None:
        """The flow of the trades of a session."""
        shown = at + 1 if self._is_settled else at
        nav = self.nav(at)
        if not 0 < shown < len(self.fund.navs) or nav is None or self.is_null(shown) or self.is_null(shown - 1):
            return None
        if self.nav_off[shown] or self.count_off[shown] or self.unknown[shown]:
            return None
        return self.created(shown) * nav

    def nav(self, at: int) -> float | None:
        return None if self.copied[at] or self.nav_wrong[at] else self.fund.navs[at]

    def outcome(self) -> Outcome:
        has_row = [(nav, count) != (None, None) for nav, count in zip(self.fund.navs, self.fund.counts, strict=True)]
        return Outcome(
            [None if self.is_null(at) else self.counts[at] for at in self.sessions],
            [self.nav(at) for at in self.sessions],
            [self.finding(at) if has_row[at] else None for at in self.sessions],
            [self.flow(at) for at in self.sessions],
        )


def random_fund(draw: random.Random, ticker: str) -> Fund:
    """A fund whose counts and NAVs moved at random, with up to three faults anywhere."""
    sessions = draw.randint(2, 25)
    closes = [1000.0]
    counts = [draw.choice([4e5, 1e7, 1e9])]
    for _ in range(sessions - 1):
        closes.append(closes[-1] * exp(draw.gauss(0, 0.06)))
        jump = draw.choice([1, 1, 1, 1, 1, 1, 1.2, 1.3, 2.6, 0.7])
        counts.append(float(round(counts[-1] * jump * exp(draw.gauss(0, 0.01)))))
    navs = [close / 40 * exp(draw.gauss(0, 0.02)) for close in closes]
    fund = Fund(ticker, navs, counts, draw.choice([closes, None]), [], draw.choice(["settlement_date", "trade_date"]))
    fund.listed = FIRST + timedelta(days=draw.choice([-200, -30, -1, 0, 5]))
    if draw.random() < 0.5:
        factor = draw.choice([2, 3, 0.2, 1.5])
        fund = draw.choice([fund, split(fund, draw.randrange(1, sessions), factor)])
        fund.split = draw.choice([None, (draw.randrange(1, sessions), factor)])
    for _ in range(draw.randint(0, 3)):
        spoil(draw, fund)
    shift = 1 if fund.convention == "settlement_date" else 0
    for before, after in pairwise(range(sessions)) if draw.random() < 0.6 else ():
        known = None not in (fund.counts[before], fund.counts[after], fund.navs[after - shift])
        flow = (fund.counts[after] - fund.counts[before]) * fund.navs[after - shift] if known else None
        fund.printed.append(draw.choice([flow, flow, None, 1.0]))
    fund.printed = fund.printed if shift else [None, *fund.printed]
    # what is served begins and ends with a row, and a close of the market is always known
    for values in (fund.navs, fund.counts):
        values[0], values[-1] = values[0] or 25.0, values[-1] or 25.0
    return fund


def spoil(draw: random.Random, fund: Fund) -> None:
    at = draw.randrange(len(fund.navs))
    values = draw.choice([fund.navs, fund.counts])
    match draw.choice(["wrong", "wrong", "zero", "missing", "copies"]):
        case "wrong":
            values[at] = values[at] and values[at] * draw.choice([10, 0.1, 1000, 1.4, 0.7])
        case "zero":
            fund.counts[at] = 0.0
        case "missing":
            values[at] = None
        case "copies":
            for later in range(at, min(at + draw.randint(1, 4), len(fund.navs))):
                fund.navs[later], fund.counts[later] = fund.navs[at], fund.counts[at]


def test_random_histories_are_judged_as_in_plain_python(rows_of):
    draw = random.Random(12)
    funds = [random_fund(draw, f"F{number}") for number in range(400)]
    found = outcomes(rows_of, *funds)
    kinds = Counter()
    for fund in funds:
        judge = Judge(fund).outcome()
        is_listed = [FIRST + timedelta(days=at) >= fund.listed for at in range(len(fund.navs))]
        flows = [flow if listed else None for flow, listed in zip(judge.flows, is_listed, strict=True)]
        judged = found[fund.ticker]
        assert judged.findings == judge.findings, fund
        assert judged.counts == judge.counts, fund
        assert judged.navs == judge.navs, fund
        assert judged.flows == [flow if flow is None else pytest.approx(flow, abs=1e-3) for flow in flows], fund
        kinds.update(judge.findings)
    print({kind: kinds[kind] for kind in sorted(kinds, key=str)})
    assert min(kinds[kind] for kind in ("implausible_count", "implausible_nav", "copied_row", "unknown_split")) > 50
