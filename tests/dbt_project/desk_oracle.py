"""The desk marts in plain Python, from their definitions: rows by key, out of captures, reviewed facts and supply.

Flows by source are those of `fund_oracle`; everything after that is asked anew, loop by loop, without any SQL.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import accumulate, pairwise, takewhile
from typing import Any, Concatenate, ParamSpec, TypeVar

from fund_captures import DAY, World
from fund_oracle import CLOSE, FLOW, VENUE, Figure, Oracle, Rows, monday, public_date

SESSIONS_OPEN = 10
"""A session without a number is open for so many sessions, then blank."""

TOLERANCE = 5 / 10_000
"""How far a filing's coins per share may be off the path from the filing before, at least one coin."""

BLOCKS_A_DAY = 144


@dataclass(repr=False)
class Facts:
    """Reviewed facts and supply, beside what a world has.

    Attributes:
        sources: of flows, the preferred one first.
        fees: rows (ticker, from_date, fee_bps).
        settled_filers: funds whose filings count settled coins.
        supply: coins in existence at the end of a UTC day and how they are known, by (asset, day).
    """

    sources: list[str] = field(default_factory=lambda: ["issuer", "farside"])
    fees: list[dict] = field(default_factory=list)
    settled_filers: set[str] = field(default_factory=lambda: {"GBTC", "BTC"})
    supply: dict[tuple[str, date], tuple[float, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Anchor:
    """Coins of a fund that are known after the trades of a session, as of a date from which fees count."""

    day: date
    dated: date
    native: float
    method: str


@dataclass(frozen=True)
class Price:
    usd: Figure
    method: str | None


def tenths(flow: float) -> int:
    """A flow in tenths of a million US dollars, half away from zero."""
    return int(Decimal(repr(flow / 100_000)).quantize(Decimal(1), ROUND_HALF_UP))


def coins(native: float) -> Decimal:
    """Coins to the eighth digit, as flows have them."""
    return Decimal(repr(native)).quantize(Decimal("1e-8"), ROUND_HALF_UP)


def rank(value: float, values: Iterable[float]) -> int:
    """One more than there are larger values: ties share a rank (1, 2, 2, 4)."""
    return 1 + sum(other > value for other in values)


def total(figures: Iterable[Any]) -> Any:
    """The sum of what is known; None where nothing is."""
    known = [figure for figure in figures if figure is not None]
    if not known:
        return None
    return sum(known) if isinstance(known[0], Decimal) else math.fsum(known)


Parameters, Answer = ParamSpec("Parameters"), TypeVar("Answer")


def remembered(
    method: Callable[Concatenate["Desk", Parameters], Answer],
) -> Callable[Concatenate["Desk", Parameters], Answer]:
    """A method of the desk that answers each question once."""

    def answer(desk: "Desk", *args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        key = (method.__name__, *args)
        if key not in desk.memory:
            desk.memory[key] = method(desk, *args, **kwargs)
        return desk.memory[key]

    return answer


class Desk:
    """The desk marts of a world as it was known at a time."""

    def __init__(self, world: World, until: datetime, facts: Facts):
        self.world, self.until, self.facts = world, until, facts
        self.by_source = Oracle(world, until)
        self.funds = {fund.ticker: fund for fund in world.funds}
        self.days = [session.day for session in world.sessions]
        self.number = {day: number for number, day in enumerate(self.days)}
        self.converted = {event["ticker"] for event in world.events if event["kind"] == "conversion"}
        self.memory: dict[tuple, Any] = {}

    # Flows: one source per fund and session.

    @cached_property
    def figures(self) -> dict[tuple[str, date], dict[str, dict]]:
        """Per fund and session the row of each source; a listed fund has rows up to its asset's last session."""
        found: dict[tuple[str, date], dict[str, dict]] = defaultdict(dict)
        for (ticker, day, source), row in self.by_source.flows_daily.items():
            found[ticker, day][source] = row
        firsts: dict[str, date] = {}
        for ticker, day in found:
            firsts[ticker] = min(firsts.get(ticker, day), day)
        for ticker, first in firsts.items():
            for day in self.days:
                if first <= day <= self.last_day[self.assets[ticker]] and self.is_listed(ticker, day):
                    found.setdefault((ticker, day), {})
        return found

    def known(self, ticker: str, day: date) -> list[tuple[str, float]]:
        """The sources that have a number, the preferred one first."""
        rows = self.figures.get((ticker, day), {})
        others = sorted(rows.keys() - set(self.facts.sources))
        order = [*(source for source in self.facts.sources if source in rows), *others]
        return [(source, rows[source][FLOW]) for source in order if rows[source][FLOW] is not None]

    @remembered
    def flow(self, ticker: str, day: date) -> Figure:
        return next((figure for _, figure in self.known(ticker, day)), None)

    @cached_property
    def assets(self) -> dict[str, str]:
        """The asset of each fund that has a row."""
        return {ticker: row["asset"] for (ticker, *_), row in self.by_source.flows_daily.items()}

    @cached_property
    def last_day(self) -> dict[str, date]:
        """The last session of each asset."""
        found: dict[str, date] = {}
        for (_, day, _), row in self.by_source.flows_daily.items():
            found[row["asset"]] = max(found.get(row["asset"], day), day)
        return found

    def is_listed(self, ticker: str, day: date) -> bool:
        return ticker in self.funds and self.funds[ticker].is_listed(day)

    def is_open(self, ticker: str, day: date) -> bool:
        """Whether the figure of a session is still to come: there is none, and it is fewer than ten sessions old."""
        if not self.is_listed(ticker, day) or self.flow(ticker, day) is not None:
            return False
        return self.number[self.last_day[self.funds[ticker].asset]] - self.number[day] < SESSIONS_OPEN

    def listed(self, asset: str, day: date) -> list[str]:
        return [fund.ticker for fund in self.world.funds if fund.asset == asset and fund.is_listed(day)]

    @remembered
    def is_any_open(self, asset: str, day: date) -> bool:
        return any(self.is_open(ticker, day) for ticker in self.listed(asset, day))

    def sessions_of(self, ticker: str, until: date) -> list[date]:
        """The sessions that have a row, up to a day."""
        return [day for day in self.rows_of[ticker] if day <= until]

    @cached_property
    def rows_of(self) -> dict[str, list[date]]:
        found = defaultdict(list)
        for ticker, day in sorted(self.figures):
            found[ticker].append(day)
        return found

    # Coins: what is behind a share, and what a coin cost.

    def fee(self, ticker: str, day: date) -> float:
        """The yearly fee in force on a day, as a share; before the first known one, that."""
        dated = sorted((row["from_date"], row["fee_bps"]) for row in self.facts.fees if row["ticker"] == ticker)
        if not dated:
            return (self.funds[ticker].fee_bps or 0) / 10_000
        in_force = [bps for since, bps in dated if since <= day]
        return (in_force[-1] if in_force else dated[0][1]) / 10_000

    @remembered
    def accrued(self, ticker: str) -> dict[date, float]:
        """By day, the logarithm of what all fees left of a coin until then."""
        dated = [(filing["ticker"], filing["quarter_end_date"]) for filing in self.world.filings]
        dated += [(event["ticker"], event["event_date"]) for event in self.world.events]
        own = [self.days[0], self.days[-1], *(day for of, day in dated if of == ticker)]
        first, last = min(own) - DAY, max(own)
        days = [first + number * DAY for number in range((last - first).days + 1)]
        return dict(zip(days, accumulate(math.log1p(-self.fee(ticker, day)) / 365 for day in days), strict=True))

    def after_fee(self, ticker: str, first: date, last: date) -> float:
        """What fees leave of a coin from the end of one day to that of another; above 1 backwards."""
        left = self.accrued(ticker)
        return math.exp(left[last] - left[first])

    def filings(self, ticker: str) -> list[dict]:
        """What was filed and public, oldest first."""
        known = [
            filing
            for filing in self.world.filings
            if filing["ticker"] == ticker and public_date(filing) <= self.until.date()
        ]
        return sorted(known, key=lambda filing: filing["quarter_end_date"])

    def spun_off(self, ticker: str, first: date, last: date) -> float:
        """What spin-offs of these days left of the coins behind a share."""
        left = 1.0
        for event in self.world.events:
            given = -(event.get("native_amount") or 0)
            if (event["ticker"], event["kind"]) == (ticker, "spin_off") and first < event["event_date"] <= last:
                held = self.settled_before(ticker, event["event_date"])
                left *= 1 - given / held if held and 0 < given < held else 1
        return left

    def settled_before(self, ticker: str, day: date) -> Figure:
        """Coins settled when a day begins, about: those filed last, and trades since as printed, at the close."""
        filed = [filing for filing in self.filings(ticker) if filing["quarter_end_date"] < day]
        if not filed:
            return None
        asset, native = self.funds[ticker].asset, filed[-1]["filed_native"]
        since = [each for each in self.days if filed[-1]["quarter_end_date"] < each < day]
        for session in since[:-1] if since and since[0] != self.days[0] else []:
            flow = self.by_source.state("farside", (asset, ticker, session, FLOW))
            close = self.close(asset, session)
            native += flow / close if flow and close else 0.0
        return native

    def path(self, ticker: str, filing: dict, day: date) -> float:
        """Coins per share on a day by a filing at or before it."""
        filed = filing["quarter_end_date"]
        ratio = filing["filed_native"] / filing["shares_outstanding"]
        return ratio * self.after_fee(ticker, filed, day) * self.spun_off(ticker, filed, day)

    def agree(self, ticker: str, before: dict, after: dict) -> bool:
        """Whether coins per share follow from those of the filing before, a split restated or not."""
        first, last = before["quarter_end_date"], after["quarter_end_date"]
        off = after["filed_native"] / after["shares_outstanding"] / self.path(ticker, before, last)
        splits = [
            event["ratio"]
            for event in self.world.events
            if event["ticker"] == ticker and event.get("ratio") and first < event["event_date"] <= last
        ]
        tolerance = max(TOLERANCE, 1 / after["filed_native"])
        return any(abs(off * split - 1) <= tolerance for split in [1, *splits])

    @remembered
    def good_filings(self, ticker: str) -> list[dict]:
        """Filings whose coins per share agree with those of the one before; the first, with those of the second."""
        filed = [filing for filing in self.filings(ticker) if filing["shares_outstanding"]]
        agrees = [self.agree(ticker, *pair) for pair in pairwise(filed)]
        first = agrees[0] if agrees else True
        return [each for each, is_good in zip(filed, [first, *agrees], strict=False) if is_good]

    @remembered
    def native_per_share(self, ticker: str, day: date) -> Figure:
        """Coins behind a share: by the newest good filing at or before the day, else by the first one after it."""
        filings = self.good_filings(ticker)
        before = [filing for filing in filings if filing["quarter_end_date"] <= day]
        if before:
            return self.path(ticker, before[-1], day)
        if not filings:
            return None
        first = filings[0]
        ratio, filed = first["filed_native"] / first["shares_outstanding"], first["quarter_end_date"]
        return ratio / self.after_fee(ticker, day, filed) / self.spun_off(ticker, day, filed)

    def nav(self, ticker: str, day: date) -> Figure:
        return self.by_source.nav(self.funds[ticker], day) if ticker in self.funds else None

    def count(self, ticker: str, day: date) -> Figure:
        """Shares after the trades of a session in a workbook: a settlement-dated count belongs to the one before."""
        fund = self.funds[ticker]
        if day not in self.days_of_workbooks(ticker):
            return None
        if fund.share_date_convention == "settlement_date":
            return self.by_source.count(fund, self.by_source.session_after(day))
        return self.by_source.count(fund, day) if fund.share_date_convention == "trade_date" else None

    @remembered
    def days_of_workbooks(self, ticker: str) -> set[date]:
        return {day for _, of, day, _ in self.by_source.cells.get("ishares", {}) if of == ticker}

    def close(self, asset: str, day: date) -> Figure:
        return self.by_source.state("binance_vision", (asset, VENUE, day, CLOSE))

    def own_price(self, ticker: str, day: date) -> Figure:
        nav = self.nav(ticker, day)
        per_share = None if nav is None else self.native_per_share(ticker, day)
        return nav / per_share if per_share else None

    def peer_price(self, asset: str, day: date) -> Figure:
        """That of the asset's largest fund with a NAV."""
        priced = [(self.own_price(fund.ticker, day), fund) for fund in self.world.funds if fund.asset == asset]
        sized = [(self.size(fund.ticker, day), price) for price, fund in priced if price is not None]
        return max(sized)[1] if sized else None

    def size(self, ticker: str, day: date) -> float:
        """Coins behind the shares that its issuer counted last."""
        before = self.days[self.number[day] :: -1]
        count = next((count for each in before if (count := self.count(ticker, each)) is not None), 0.0)
        return count * self.native_per_share(ticker, day)

    @remembered
    def reference(self, ticker: str | None, asset: str, day: date) -> Price:
        """The price of a session for a fund; for the whole asset without one."""
        own = self.own_price(ticker, day) if ticker else None
        peer = self.peer_price(asset, day) if own is None else None
        close = self.close(asset, day)
        if own is not None:
            return Price(own, "own_nav")
        if peer is not None:
            return Price(peer, "peer_nav")
        return Price(close, None if close is None else "utc_close")

    @remembered
    def flow_native(self, ticker: str, day: date) -> Decimal | None:
        """Coins of a flow: shares created where the issuer counts them, else dollars at the price of the session."""
        source, flow = next(iter(self.known(ticker, day)), (None, None))
        if flow is None:
            return None
        if source == "issuer" and (per_share := self.native_per_share(ticker, day)) is not None:
            return coins(self.by_source.created(self.funds[ticker], day) * per_share)
        price = self.reference(ticker, self.assets[ticker], day).usd
        return None if price is None else coins(flow / price)

    # Holdings.

    def filing_anchor(self, filing: dict) -> Anchor | None:
        """The session whose trades a filing has counted; None before the first session known."""
        last = max((number for day, number in self.number.items() if day <= filing["quarter_end_date"]), default=-1)
        counted = last - (filing["ticker"] in self.facts.settled_filers)
        if counted < 0:
            return None
        return Anchor(self.days[counted], filing["quarter_end_date"], filing["filed_native"], "filed_and_flows")

    def flow_days(self, ticker: str) -> list[date]:
        """The sessions with a flow, from the fund's first on: what is printed of earlier ones is none."""
        launch = (ticker in self.funds and self.funds[ticker].first_flow_date) or date.min
        return [day for day in self.rows_of[ticker] if day >= launch and self.flow(ticker, day) is not None]

    @remembered
    def moves(self, ticker: str) -> list[tuple[date, Any]]:
        """Coins that came and went by day, flows and events; None where a flow's are not known."""
        flows = [(day, self.flow_native(ticker, day)) for day in self.flow_days(ticker)]
        events = [
            (event["event_date"], event["native_amount"])
            for event in self.world.events
            if event["ticker"] == ticker and event.get("native_amount")
        ]
        return flows + events

    def rolled(self, ticker: str, anchor: Anchor | None, day: date) -> Figure:
        """Coins on a day by an anchor and what came and went between, less the fees since; forth or back."""
        if anchor is None:
            return None
        native = anchor.native * self.after_fee(ticker, anchor.dated, day)
        for on, moved in self.moves(ticker):
            sign = 1 if anchor.day < on <= day else -1 if day < on <= anchor.day else 0
            if sign and moved is None:
                return None
            native += sign * float(moved) * self.after_fee(ticker, on, day) if sign else 0.0
        return native

    @remembered
    def anchors(self, ticker: str) -> list[Anchor]:
        """By session; a filing stands after a count of the same one."""
        if ticker not in self.funds:
            return []
        counted = []
        for day in self.rows_of[ticker]:
            count, per_share = self.count(ticker, day), self.native_per_share(ticker, day)
            if count is not None and per_share is not None:
                counted.append(Anchor(day, day, count * per_share, "issuer_counts"))
        filed = [self.filing_anchor(filing) for filing in self.filings(ticker)]
        by_day = {anchor.day: anchor for anchor in [*counted, *filed] if self.has_flows_around(ticker, anchor)}
        return [by_day[day] for day in sorted(by_day)]

    def has_flows_around(self, ticker: str, anchor: Anchor | None) -> bool:
        """Whether every session between an anchor and the fund's rows has a row."""
        first, last = self.rows_of[ticker][0], self.rows_of[ticker][-1]
        if anchor is None or anchor.day > last:
            return False
        return self.begins_with_launch(ticker) or self.by_source.session_after(anchor.day) >= first

    def begins_with_launch(self, ticker: str) -> bool:
        launch = self.funds[ticker].first_flow_date
        return launch is not None and self.rows_of[ticker][0] <= launch

    def anchor(self, ticker: str, day: date) -> Anchor | None:
        """The newest at or before the day, else the first one; without any, no coins before the seed and the flows."""
        anchors = self.anchors(ticker)
        before = [anchor for anchor in anchors if anchor.day <= day]
        if anchors:
            return before[-1] if before else anchors[0]
        if ticker not in self.funds or ticker in self.converted or not self.begins_with_launch(ticker):
            return None
        return Anchor(min(self.accrued(ticker)), self.days[0], 0.0, "filed_and_flows")

    def anchor_date(self, ticker: str, day: date) -> date | None:
        """The session of the anchor; the first one of a fund that has filed nothing."""
        anchor = self.anchor(ticker, day)
        if anchor is None or self.anchors(ticker):
            return anchor and anchor.day
        return self.funds[ticker].first_flow_date

    @remembered
    def held(self, ticker: str, day: date) -> Figure:
        anchor = self.anchor(ticker, day)
        return None if anchor is None else self.rolled(ticker, anchor, day)

    def held_errors(self, ticker: str) -> list[tuple[date, float]]:
        """By the session of each filing whose quarter was filed at both ends: how far the roll is off, in bps."""
        found = []
        for before, after in pairwise(self.filings(ticker)):
            ends = [self.filing_anchor(filing) for filing in (before, after)]
            is_next = (after["quarter_end_date"] - before["quarter_end_date"]).days <= 92
            if is_next and all(self.has_flows_around(ticker, anchor) for anchor in ends):
                rolled, filed = (self.rolled(ticker, anchor, ends[1].day) for anchor in ends)
                if rolled is not None:
                    found.append((ends[1].day, (rolled / filed - 1) * 10_000))
        return found

    # What a fund's row says beside.

    def reference_of(self, ticker: str, day: date) -> Price:
        return self.reference(ticker, self.assets[ticker], day)

    @remembered
    def net_assets(self, ticker: str, day: date) -> Figure:
        """NAV times shares where they are counted, else coins times the price of the session."""
        nav = self.nav(ticker, day)
        count = None if nav is None else self.count(ticker, day)
        if count is not None:
            return count * nav
        held, price = self.held(ticker, day), self.reference_of(ticker, day)
        return None if held is None or price.usd is None else held * price.usd

    def window(self, ticker: str, day: date, length: int) -> Figure:
        """The flows of the fund's last sessions: None before there are as many, or while one is open."""
        days = self.sessions_of(ticker, day)[-length:]
        if len(days) < length or any(self.is_open(ticker, each) for each in days):
            return None
        return total(self.flow(ticker, each) for each in days)

    def streak(self, newest_first: Iterator[Figure]) -> int | None:
        """Sessions of one sign up to the last, below 0 for outflows. Zero is 0, and it and no number end a streak."""
        last = next(newest_first, None)
        if last is None:
            return None
        sign = (last > 0) - (last < 0)
        return sign * (1 + sum(1 for _ in takewhile(lambda flow: flow is not None and flow * sign > 0, newest_first)))

    def is_missing(self, ticker: str, day: date) -> bool:
        return self.is_listed(ticker, day) and self.flow(ticker, day) is None

    def missing_of(self, ticker: str, day: date) -> int:
        """Missing sessions as a fund's row says them: none of a fund that had no row while it was listed."""
        has_listed_row = any(self.is_listed(ticker, each) for each in self.sessions_of(ticker, day))
        return self.missing_until(ticker)[day] if has_listed_row else 0

    @remembered
    def missing_until(self, ticker: str) -> dict[date, int]:
        """How many listed sessions up to each day have no number, those before the first page included."""
        return dict(zip(self.days, accumulate(self.is_missing(ticker, day) for day in self.days), strict=True))

    def coin_flow(self, ticker: str, days: list[date]) -> Decimal | None:
        """Coins of the flows of these days: None, not too few, where one of them has none."""
        flows = [self.flow_native(ticker, day) for day in days if self.flow(ticker, day) is not None]
        return None if None in flows else total(flows)

    def average_costs(self, ticker: str) -> dict[date, Figure]:
        """What a fund's coins cost by its flows: inflows at the price of the session, outflows at the average.

        Where more went out than had come in, the next inflows first make up for it.
        """
        if ticker not in self.funds or ticker in self.converted or not self.begins_with_launch(ticker):
            return {}
        native, cost, found = 0.0, 0.0, {}
        counted = set(self.flow_days(ticker))
        for day in self.rows_of[ticker]:
            if day in counted:
                flow, coin_flow = self.flow(ticker, day), self.flow_native(ticker, day)
                if coin_flow is None:
                    break
                before, native = native, native + float(coin_flow)
                if native <= 0:
                    cost = 0.0
                elif flow > 0:
                    cost += flow * (native - max(before, 0.0)) / float(coin_flow)
                else:
                    cost *= native / before
            found[day] = cost / native if native > 0 else None
        return found

    @remembered
    def supply(self, asset: str, day: date) -> tuple[Figure, str | None]:
        """Coins in existence at the end of a day: known, else the last known and what the schedule issued since."""
        first = min((on for of, on in self.facts.supply if of == asset), default=date.max)
        last = next((on for on in days_back(day, first) if (asset, on) in self.facts.supply), None)
        if last is None:
            return None, None
        supply, method = self.facts.supply[asset, last]
        for _ in range((day - last).days):
            supply += BLOCKS_A_DAY * subsidy(supply)
        return supply, method if last == day else "schedule"

    def ranks(self, flows: dict[str, float]) -> dict[str, int]:
        """By inflow, the largest 1, to a tenth of a million US dollars."""
        rounded = {ticker: tenths(flow) for ticker, flow in flows.items()}
        return {ticker: rank(flow, rounded.values()) for ticker, flow in rounded.items()}

    @cached_property
    def by_day(self) -> dict[tuple[str, date], list[str]]:
        """The funds that have a row, by asset and session."""
        found = defaultdict(list)
        for ticker, day in sorted(self.figures):
            found[self.assets[ticker], day].append(ticker)
        return found

    def reporting(self, asset: str, day: date) -> list[str]:
        return [ticker for ticker in self.by_day[asset, day] if self.flow(ticker, day) is not None]

    def etf_fund_daily(self) -> Rows:
        return {(ticker, day): row for ticker in self.rows_of for day, row in self._fund_rows(ticker)}

    def _fund_rows(self, ticker: str) -> Iterator[tuple[date, dict]]:
        asset, days = self.assets[ticker], self.rows_of[ticker]
        costs, errors = self.average_costs(ticker), self.held_errors(ticker)
        history = {day: -flow for day in days if (flow := self.flow(ticker, day)) is not None}
        usd, coin_flows = None, []
        counted = set(self.flow_days(ticker))
        for number, day in enumerate(days):
            known, price = self.known(ticker, day), self.reference_of(ticker, day)
            flow, held, anchor = self.flow(ticker, day), self.held(ticker, day), self.anchor(ticker, day)
            before = self.net_assets(ticker, days[number - 1]) if number else None
            if day in counted:
                usd = total([usd, flow])
                coin_flows.append(self.flow_native(ticker, day))
            supply, supply_method = self.supply(asset, day)
            of_day = {each: self.flow(each, day) for each in self.reporting(asset, day)}
            lacks = {
                "flow not reported yet": flow is None and self.is_open(ticker, day),
                "flow never reported": flow is None and not self.is_open(ticker, day),
                "coins held": held is None,
                "net assets": self.net_assets(ticker, day) is None,
                "supply": supply is None,
            }
            yield (
                day,
                {
                    "asset": asset,
                    "flow_source": known[0][0] if known else None,
                    "flow_difference_usd": known[0][1] - known[1][1]
                    if len(known) > 1 and known[0][0] == "issuer"
                    else None,
                    "net_flow_usd": flow,
                    "net_flow_native": self.flow_native(ticker, day),
                    "is_reported": flow is not None,
                    "is_open": self.is_open(ticker, day),
                    "cumulative_flow_usd": usd,
                    "cumulative_flow_native": None if None in coin_flows else total(coin_flows),
                    "cumulative_missing": self.missing_of(ticker, day),
                    "flow_5d_usd": self.window(ticker, day, 5),
                    "flow_20d_usd": self.window(ticker, day, 20),
                    "flow_streak_sessions": self.streak(self.flow(ticker, each) for each in days[number::-1]),
                    "day_rank": None if self.is_any_open(asset, day) else self.ranks(of_day).get(ticker),
                    "history_rank": rank(history[day], history.values()) if day in history else None,
                    "held_native": held,
                    "held_method": anchor.method if anchor and held is not None else None,
                    "held_anchor_date": None if held is None else self.anchor_date(ticker, day),
                    "held_error_bps": next((error for on, error in reversed(errors) if on <= day), None),
                    "reference_usd": price.usd,
                    "reference_method": price.method,
                    "net_assets_usd": self.net_assets(ticker, day),
                    "average_cost_usd": costs.get(day),
                    "market_share_pct": self.market_share(ticker, day),
                    "flow_of_assets_pct": flow / before * 100 if flow is not None and before else None,
                    "supply_share_pct": held / supply * 100 if held is not None and supply else None,
                    "supply_method": None if held is None else supply_method,
                    "premium_pct": None,
                    "missing": ", ".join(name for name, is_lacking in lacks.items() if is_lacking) or None,
                },
            )

    @remembered
    def valued(self, asset: str, day: date) -> dict[str, float]:
        """Net assets of the funds that have a row and a value."""
        values = {ticker: self.net_assets(ticker, day) for ticker in self.by_day[asset, day]}
        return {ticker: value for ticker, value in values.items() if value is not None}

    def market_share(self, ticker: str, day: date) -> Figure:
        asset = self.assets[ticker]
        values = self.valued(asset, day)
        everything = sum(values.values())
        if ticker not in values or self.is_any_open(asset, day) or not everything:
            return None
        return values[ticker] / everything * 100

    # Weeks.

    def is_final(self, ticker: str, day: date) -> bool:
        """Whether a figure's source was seen to change when its session closed, or later."""
        return self.by_source.is_over(self.known(ticker, day)[0][0], [self.by_source.sessions[day]])

    def etf_fund_weekly(self) -> Rows:
        weeks: dict[tuple[str, date], list[date]] = defaultdict(list)
        for ticker, days in self.rows_of.items():
            for day in days:
                weeks[ticker, monday(day)].append(day)
        rows = {}
        for (ticker, week), days in weeks.items():
            fund = self.funds.get(ticker)
            listed = [each for each in self.days if monday(each) == week and fund and fund.is_listed(each)]
            known = [day for day in days if self.flow(ticker, day) is not None]
            of_source = {self.known(ticker, day)[0][0] for day in known}
            rows[ticker, week] = {
                "asset": self.assets[ticker],
                "flow_source": "+".join(sorted(of_source)) or None,
                "net_flow_usd": total(self.flow(ticker, day) for day in days),
                "net_flow_native": self.coin_flow(ticker, days),
                "sessions": len(known),
                "expected_sessions": len(listed),
                "is_complete": bool(listed) and set(listed) <= {day for day in known if self.is_final(ticker, day)},
            }
            last = self.daily[ticker, days[-1]]
            kept = ("cumulative_flow_usd", "cumulative_flow_native", "held_native", "net_assets_usd")
            rows[ticker, week] |= {name: last[name] for name in kept}
        for (ticker, week), row in rows.items():
            flows = {
                other: each[FLOW]
                for (other, start), each in rows.items()
                if start == week and each["asset"] == row["asset"] and each[FLOW] is not None
            }
            days = [day for asset, day in self.by_day if asset == row["asset"] and monday(day) == week]
            is_open = any(self.is_any_open(row["asset"], day) for day in days)
            row["week_rank"] = None if is_open else self.ranks(flows).get(ticker)
        return rows

    @cached_property
    def daily(self) -> Rows:
        return self.etf_fund_daily()

    # Markets.

    def etf_market_daily(self) -> Rows:
        by_day: dict[tuple[str, date], dict[str, dict]] = defaultdict(dict)
        for (ticker, day), row in sorted(self.daily.items()):
            by_day[row["asset"], day][ticker] = row
        rows: Rows = {}
        for asset in {asset for asset, _ in by_day}:
            for day, row in self._market_rows(
                asset, {day: by_day[asset, day] for of, day in sorted(by_day) if of == asset}
            ):
                rows[asset, day] = row
        return rows

    def _market_rows(self, asset: str, by_day: dict[date, dict[str, dict]]) -> Iterator[tuple[date, dict]]:
        days = list(by_day)
        flows = {day: total(row[FLOW] for row in funds.values()) for day, funds in by_day.items()}
        is_open = {day: self.is_any_open(asset, day) for day in days}
        for number, day in enumerate(days):
            funds, expected = by_day[day], self.listed(asset, day)
            reported = [ticker for ticker in expected if ticker in funds and funds[ticker]["is_reported"]]
            valued = [each for each in expected if each in funds and funds[each]["net_assets_usd"] is not None]
            since = days[: number + 1]
            coin_flows = [
                row["net_flow_native"] for each in since for row in by_day[each].values() if row["is_reported"]
            ]
            of_day = [row["net_flow_native"] for row in funds.values() if row["is_reported"]]
            held = total(row["held_native"] for row in funds.values())
            price, (supply, supply_method) = self.reference(None, asset, day), self.supply(asset, day)
            yield (
                day,
                {
                    "net_flow_usd": flows[day],
                    "net_flow_native": None if None in of_day else total(of_day),
                    "funds_reported": len(reported),
                    "funds_expected": len(expected),
                    "funds_valued": len(valued),
                    "is_complete": bool(expected)
                    and set(reported) == set(expected)
                    and all(self.is_final(each, day) for each in expected),
                    "is_open": is_open[day],
                    "cumulative_flow_usd": total(flows[each] for each in since),
                    "cumulative_flow_native": None if None in coin_flows else total(coin_flows),
                    "cumulative_missing": sum(
                        self.missing_until(fund.ticker)[day] for fund in self.world.funds if fund.asset == asset
                    ),
                    "flow_5d_usd": self._market_window(days[: number + 1], 5, flows, is_open),
                    "flow_20d_usd": self._market_window(days[: number + 1], 20, flows, is_open),
                    "flow_streak_sessions": self.streak(
                        None if is_open[each] else flows[each] for each in days[number::-1]
                    ),
                    "held_native": held,
                    "net_assets_usd": total(row["net_assets_usd"] for row in funds.values()),
                    "reference_usd": price.usd,
                    "reference_method": price.method,
                    "supply_share_pct": held / supply * 100 if held is not None and supply else None,
                    "supply_method": None if held is None else supply_method,
                    "close_usd": self.close(asset, day),
                    "close_new_york_usd": None,
                },
            )

    def _market_window(self, days: list[date], length: int, flows: dict, is_open: dict) -> Figure:
        window = days[-length:]
        if len(window) < length or any(is_open[day] for day in window):
            return None
        return total(flows[day] for day in window)


def days_back(day: date, first: date) -> Iterator[date]:
    """A day and those before it, down to the first."""
    return (day - number * DAY for number in range((day - first).days + 1))


def subsidy(supply: float) -> float:
    """What a block issues once so many coins exist: 50, halved after every 210,000 blocks."""
    reward, issued = 50.0, 0.0
    while supply >= issued + 210_000 * reward:
        issued += 210_000 * reward
        reward /= 2
    return reward
