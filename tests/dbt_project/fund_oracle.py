"""The fund marts in plain Python, from their definitions: rows by key, out of captures and reviewed facts.

Slow and literal: each question is asked of the captures again. A figure is what the last capture that shows its cell
shows; a blank is no figure, and what a page does not show says nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

from fund_captures import Fund, Key, Session, World

TOTAL = "TOTAL"
VENUE = "binance"
FLOW, COUNT, NAV, CLOSE = "net_flow_usd", "shares_outstanding", "nav_usd", "close_usd"

Rows = dict[tuple, dict[str, Any]]
Figure = float | None


@dataclass(frozen=True)
class Change:
    """A cell's state from a time on: what it shows, and what was printed, which before the close is no report."""

    at: datetime
    value: Figure
    printed: Figure


def histories(world: World, until: datetime) -> dict[str, dict[Key, list[Change]]]:
    """How each cell changed, by source. It begins with its first figure; captures of one second are one.

    A fund's flow that is printed before the session of its day has closed is no report; it is seen anew after it.
    """
    closes = {session.day: session.closes_at for session in world.sessions}
    found: dict[str, dict[Key, list[Change]]] = defaultdict(dict)
    for page in sorted(world.pages, key=lambda page: (page.fetched_at, page.sha256)):
        if page.fetched_at > until:
            continue
        for key, value in page.cells.items():
            changes = found[page.source].setdefault(key, [])
            if changes and changes[-1].at == page.fetched_at:
                changes.pop()
            is_early = key[1] != TOTAL and key[3] == FLOW and page.fetched_at < closes.get(key[2], page.fetched_at)
            change = Change(page.fetched_at, None if is_early else value, value)
            before = changes[-1] if changes else Change(page.fetched_at, None, None)
            if (change.printed, change.value) != (before.printed, before.value):
                changes.append(change)
    return {source: {key: list_ for key, list_ in cells.items() if list_} for source, cells in found.items()}


def public_date(filing: dict) -> date:
    """The day from which a filing counts: assumed 45 days after its quarter where nobody looked it up."""
    return filing["filed_date"] or filing["quarter_end_date"] + timedelta(days=45)


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def total(figures: Iterable[Figure]) -> Figure:
    """The sum of what was reported; None where nothing was."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def coins(rows: Iterable[dict]) -> Figure:
    """The coins of the reported flows: None, not too few, where one of them has none."""
    known = [row for row in rows if row[FLOW] is not None]
    amounts = [row["net_flow_native"] for row in known]
    return None if None in amounts else total(amounts)


class Oracle:
    """The marts of a world as it was known at a time."""

    def __init__(self, world: World, until: datetime):
        self.world, self.until = world, until
        self.cells = histories(world, until)
        self.funds = {fund.ticker: fund for fund in world.funds}
        self.days = [session.day for session in world.sessions]
        self.sessions = {session.day: session for session in world.sessions}
        self.counted, self.fee_bps, self.believed = cache(self._counted), cache(self._fee_bps), cache(self._believed)
        self.native_per_share, self.reference = cache(self._native_per_share), cache(self._reference)

    # What was known of a cell.

    def state(self, source: str, key: Key) -> Figure:
        changes = self.cells.get(source, {}).get(key)
        return changes[-1].value if changes else None

    def newest(self, source: str) -> datetime | None:
        """When a source was last seen to change."""
        return max((changes[-1].at for changes in self.cells.get(source, {}).values()), default=None)

    def begun(self, source: str, first: date) -> list[date]:
        """The sessions from a day on that had begun when the source was last seen to change."""
        newest = self.newest(source)
        return [each.day for each in self.world.sessions if newest and first <= each.day and each.opens_at <= newest]

    def session_after(self, day: date) -> date:
        return self.days[self.days.index(day) + 1]

    def session_before(self, day: date) -> date:
        return self.days[self.days.index(day) - 1]

    # Holdings.

    def _counted(self) -> dict[Fund, list[date]]:
        """The funds that the issuer's workbooks tell of, and the days they have."""
        days: dict[Fund, set[date]] = defaultdict(set)
        for _, ticker, day, _ in self.cells.get("ishares", {}):
            days[self.funds[ticker]].add(day)
        return {fund: sorted(found) for fund, found in days.items()}

    def count(self, fund: Fund, day: date) -> Figure:
        return self.state("ishares", (fund.asset, fund.ticker, day, COUNT))

    def nav(self, fund: Fund, day: date) -> Figure:
        return self.state("ishares", (fund.asset, fund.ticker, day, NAV))

    @cached_property
    def filings(self) -> dict[str, dict[date, dict]]:
        """The filings that are public, by fund and quarter."""
        found: dict[str, dict[date, dict]] = defaultdict(dict)
        for filing in sorted(self.world.filings, key=lambda filing: filing["quarter_end_date"]):
            if public_date(filing) <= self.until.date():
                found[filing["ticker"]][filing["quarter_end_date"]] = filing
        return found

    def _fee_bps(self, fund: Fund, day: date) -> int:
        """What is charged for a day: the fee that began last, or the first one before any did."""
        dated = sorted((row["from_date"], row["fee_bps"]) for row in self.world.fees if row["ticker"] == fund.ticker)
        if not dated:
            return fund.fee_bps
        return next((fee for since, fee in reversed(dated) if since <= day), dated[0][1])

    def left(self, fund: Fund, first: date, last: date) -> float:
        """What fees and spin-offs left on the later day of a coin behind a share on the earlier one."""
        days = [first + timedelta(days=number) for number in range(1, (last - first).days + 1)]
        part = 1.0
        for fee, count in Counter(self.fee_bps(fund, day) for day in days).items():
            part *= (1 - fee / 10_000) ** (count / 365)
        for event in self.world.events:
            if (event["ticker"], event["kind"]) == (fund.ticker, "spin_off") and event.get("native_amount", 0) < 0:
                settled = self.settled_before(fund, event["event_date"])
                if first < event["event_date"] <= last and settled and settled > -event["native_amount"]:
                    part *= 1 + event["native_amount"] / settled
        return part

    def settled_before(self, fund: Fund, day: date) -> Figure:
        """Coins settled when a day begins: of the filing before, and of later trades but the last session's."""
        quarters = [quarter for quarter in self.filings[fund.ticker] if quarter < day]
        if not quarters:
            return None
        held = self.filings[fund.ticker][max(quarters)]["filed_native"]
        filed = [each for each in self.days if each <= max(quarters)]
        for session in self.days[len(filed) :] if filed else []:
            if session < day and self.session_after(session) < day:
                flow = self.state("farside", (fund.asset, fund.ticker, session, FLOW))
                close = self.state("binance_vision", (fund.asset, VENUE, session, CLOSE))
                held += flow / close if flow and close else 0
        return held

    def _believed(self, fund: Fund) -> dict[date, float]:
        """Coins per share by quarter, where a filing follows from the one before (the first, where the second does)."""
        ratios = {
            quarter: filing["filed_native"] / filing["shares_outstanding"]
            for quarter, filing in self.filings[fund.ticker].items()
        }
        quarters = list(ratios)
        agrees = {}
        for before, quarter in pairwise(quarters):
            splits = [
                event["ratio"]
                for event in self.world.events
                if event["ticker"] == fund.ticker and event.get("ratio") and before < event["event_date"] <= quarter
            ]
            off = ratios[quarter] / (ratios[before] * self.left(fund, before, quarter))
            tolerance = max(0.0005, 1 / self.filings[fund.ticker][quarter]["filed_native"])
            agrees[quarter] = any(abs(off * split - 1) <= tolerance for split in [1, *splits])
        if quarters:
            agrees[quarters[0]] = agrees.get(quarters[1], True) if len(quarters) > 1 else True
        return {quarter: ratio for quarter, ratio in ratios.items() if agrees[quarter]}

    def _native_per_share(self, fund: Fund, day: date) -> Figure:
        """Coins behind a share: filed last before the day, else first after it, less what fees and spin-offs took."""
        filed = self.believed(fund)
        if not filed:
            return None
        before = [quarter for quarter in filed if quarter <= day]
        anchor = max(before) if before else min(filed)
        if anchor <= day:
            return filed[anchor] * self.left(fund, anchor, day)
        return filed[anchor] / self.left(fund, day, anchor)

    def holdings_daily(self) -> Rows:
        rows = {}
        for fund, days in self.counted().items():
            for day in days:
                count, native = self.count(fund, day), self.native_per_share(fund, day)
                rows[fund.ticker, day, "issuer"] = {
                    "asset": fund.asset,
                    "shares_outstanding": count,
                    "nav_usd": self.nav(fund, day),
                    "native_per_share": native,
                    "native_held": None if count is None or native is None else count * native,
                }
        return rows

    # Flows.

    @cached_property
    def flows_daily(self) -> Rows:
        return dict(self._printed_flows()) | dict(self._counted_flows())

    def _printed_flows(self) -> Iterator[tuple[tuple, dict]]:
        """Every fund of the seed on each session it is listed, from the first day on the asset's pages; and others'."""
        cells = self.cells.get("farside", {})
        for asset in {asset for asset, *_ in cells}:
            sessions = self.begun("farside", min(day for of, _, day, _ in cells if of == asset))
            printed = {(ticker, day) for of, ticker, day, _ in cells if of == asset and ticker != TOTAL}
            listed = {
                (fund.ticker, day)
                for fund in self.funds.values()
                for day in sessions
                if fund.asset == asset and fund.is_listed(day)
            }
            for ticker, day in listed | printed:
                changes = cells.get((asset, ticker, day, FLOW), [])
                flow = changes[-1].value if changes else None
                if (ticker, day) in listed or (flow is not None and day in self.sessions):
                    seen = [change.at for change in changes if change.value is not None]
                    first, last = (seen or [None])[0], changes[-1].at if changes else None
                    yield (ticker, day, "farside"), self._flow(asset, ticker, day, flow, first, last)

    def _counted_flows(self) -> Iterator[tuple[tuple, dict]]:
        """A fund's flow on each session it is listed, from its first count on: shares created times NAV."""
        for fund, days in self.counted().items():
            for day in self.begun("ishares", days[0]):
                if not fund.is_listed(day):
                    continue
                created = self.created(fund, day)
                nav = self.nav(fund, day)
                flow = None if created is None or nav is None else created * nav
                seen = [None, None] if flow is None else self.seen_flow(fund, day)
                row = self._flow(fund.asset, fund.ticker, day, flow, *seen)
                native = self.native_per_share(fund, day)
                if flow is not None and native is not None:
                    row |= {"net_flow_native": created * native, "native_method": "shares"}
                yield (fund.ticker, day, "issuer"), row

    def created(self, fund: Fund, day: date) -> Figure:
        """Shares created on a trade date: settlement-dated counts show them a session later. A split creates none."""
        if fund.share_date_convention == "settlement_date":
            before, after = day, self.session_after(day)
        elif fund.share_date_convention == "trade_date":
            before, after = self.session_before(day), day
        else:
            return None
        first, last = self.count(fund, before), self.count(fund, after)
        if first is None or last is None:
            return None
        ratio = next(
            (
                event["ratio"]
                for event in self.world.events
                if (event["ticker"], event["event_date"]) == (fund.ticker, after) and event.get("ratio")
            ),
            1,
        )
        if fund.share_date_convention == "settlement_date":
            return last / ratio - first
        return last - first * ratio

    def seen_flow(self, fund: Fund, day: date) -> list[datetime]:
        """When the two days of the workbook that a flow is made of were first seen, and when they last changed."""
        other = self.session_after(day) if fund.share_date_convention == "settlement_date" else self.session_before(day)
        cells = self.cells["ishares"]
        keys = [(fund.asset, fund.ticker, on, metric) for on in (day, other) for metric in (COUNT, NAV)]
        seen = [cells[key] for key in keys if key in cells]
        first = max(next(change.at for change in changes if change.value is not None) for changes in seen)
        return [first, max(changes[-1].at for changes in seen)]

    def _flow(self, asset, ticker, day, flow: Figure, first_at, changed_at) -> dict[str, Any]:
        native, method = None, None
        fund = self.funds.get(ticker)
        close = self.state("binance_vision", (asset, VENUE, day, CLOSE))
        nav = self.nav(fund, day) if fund else None
        per_share = self.native_per_share(fund, day) if fund else None
        reference = self.reference(asset, day)
        if flow is not None and nav is not None and per_share is not None:
            native, method = flow / nav * per_share, "nav"
        elif flow is not None and reference is not None:
            native, method = flow / reference, "reference"
        elif flow is not None and close is not None:
            native, method = flow / close, "price"
        return {
            "asset": asset,
            FLOW: flow,
            "net_flow_native": native,
            "native_method": method,
            "is_reported": flow is not None,
            "first_observed_at": first_at,
            "last_changed_at": changed_at,
        }

    def _reference(self, asset: str, day: date) -> Figure:
        """What a coin was worth by the NAV of the asset's largest fund: one alone serves counts here."""
        for fund in self.funds.values():
            if fund.asset == asset and fund in self.counted():
                nav, per_share = self.nav(fund, day), self.native_per_share(fund, day)
                if nav is not None and per_share is not None:
                    return nav / per_share
        return None

    @cached_property
    def last_changes(self) -> dict[str, datetime]:
        """When a flow of each source last changed."""
        found: dict[str, datetime] = {}
        for (_, _, source), row in self.flows_daily.items():
            if row["last_changed_at"]:
                found[source] = max(found.get(source, row["last_changed_at"]), row["last_changed_at"])
        return found

    def is_over(self, source: str, sessions: Iterable[Session]) -> bool:
        """Whether a flow of the source was seen to change when the last of the sessions closed, or later."""
        return source in self.last_changes and self.last_changes[source] >= max(each.closes_at for each in sessions)

    # Weeks.

    def listed_sessions(self, fund: Fund, week: date) -> list[Session]:
        return [each for each in self.world.sessions if monday(each.day) == week and fund.is_listed(each.day)]

    @cached_property
    def flows_weekly(self) -> Rows:
        weeks: dict[tuple, dict[date, dict]] = defaultdict(dict)
        for (ticker, day, source, convention), row in self._dated_flows():
            weeks[ticker, monday(day), source, convention][day] = row
        rows = {}
        for key, days in weeks.items():
            ticker, week, source, _ = key
            fund = self.funds.get(ticker)
            listed = self.listed_sessions(fund, week) if fund else []
            known = [day for day, row in days.items() if row[FLOW] is not None]
            rows[key] = {
                "asset": next(iter(days.values()))["asset"],
                FLOW: total(row[FLOW] for row in days.values()),
                "net_flow_native": coins(days.values()),
                "sessions": len(known),
                "expected_sessions": len(listed),
                "is_complete": bool(listed)
                and all(session.day in known for session in listed)
                and self.is_over(source, listed),
            }
        return rows

    def _dated_flows(self) -> Iterator[tuple[tuple, dict]]:
        """Each flow by trade date; an issuer's also by the date of the count that shows it, up to its last session."""
        for (ticker, day, source), row in self.flows_daily.items():
            yield (ticker, day, source, "trade_date"), row
            if source == "issuer":
                is_later = self.funds[ticker].share_date_convention == "settlement_date"
                dated = self.session_after(day) if is_later else day
                if (ticker, dated, source) in self.flows_daily or dated < self._last_day(ticker):
                    yield (ticker, dated, source, "as_of_date"), row

    def _last_day(self, ticker: str) -> date:
        return max(day for of, day, source in self.flows_daily if (of, source) == (ticker, "issuer"))

    # Markets.

    def market_flows_daily(self) -> Rows:
        def listed(asset: str, day: date) -> list[str]:
            return [fund.ticker for fund in self.funds.values() if fund.asset == asset and fund.is_listed(day)]

        def is_complete(ticker: str, row: dict) -> bool:
            return row["is_reported"]

        rows = self._market(self.flows_daily, lambda key: (key[1], key[2]), listed, is_complete)
        for (_, day, source), row in rows.items():
            row["is_complete"] = row["is_complete"] and self.is_over(source, [self.sessions[day]])
        return rows

    def market_flows_weekly(self) -> Rows:
        def listed(asset: str, week: date) -> list[str]:
            funds = [fund for fund in self.funds.values() if fund.asset == asset]
            return [fund.ticker for fund in funds if self.listed_sessions(fund, week)]

        def is_complete(ticker: str, row: dict) -> bool:
            return row["is_complete"]

        by_trade_date = {key: row for key, row in self.flows_weekly.items() if key[3] == "trade_date"}
        return self._market(by_trade_date, lambda key: (key[1], key[2]), listed, is_complete)

    def _market(
        self,
        flows: Rows,
        period: Callable[[tuple], tuple[date, str]],
        listed: Callable[[str, date], list[str]],
        is_complete: Callable[[str, dict], bool],
    ) -> Rows:
        """All funds of an asset together; those that no seed lists count in the sums alone."""
        groups: dict[tuple, dict[str, dict]] = defaultdict(dict)
        for key, row in flows.items():
            groups[row["asset"], *period(key)][key[0]] = row
        rows = {}
        for (asset, start, source), funds in groups.items():
            expected = listed(asset, start)
            reported = [ticker for ticker, row in funds.items() if ticker in expected and is_complete(ticker, row)]
            rows[asset, start, source] = {
                FLOW: total(row[FLOW] for row in funds.values()),
                "net_flow_native": coins(funds.values()),
                "funds_reported": len(reported),
                "funds_expected": len(expected),
                "is_complete": bool(expected) and set(reported) == set(expected),
            }
        return rows

    def source_differences(self) -> Rows:
        rows = {}
        for (ticker, day, source), row in self.flows_daily.items():
            other = self.flows_daily.get((ticker, day, "issuer"))
            if source == "farside" and other and row["is_reported"] and other["is_reported"]:
                rows[ticker, day, "farside", "issuer"] = {
                    "asset": row["asset"],
                    "net_flow_a_usd": row[FLOW],
                    "net_flow_b_usd": other[FLOW],
                    "difference_usd": row[FLOW] - other[FLOW],
                }
        return rows

    # Lateness.

    def reporting_latency(self) -> Rows:
        cells = {key: changes for key, changes in self.cells.get("farside", {}).items() if key[3] == FLOW}
        rows = {}
        for asset, day in {(asset, day) for asset, _, day, _ in cells}:
            listed = [fund.ticker for fund in self.funds.values() if fund.asset == asset and fund.is_listed(day)]
            of_day = {ticker: changes for (of, ticker, on, _), changes in cells.items() if (of, on) == (asset, day)}
            if day in self.sessions and listed:
                row = latency(day, listed, of_day)
                if row:
                    rows[asset, day, "farside"] = row
        return rows


def latency(day: date, listed: list[str], cells: dict[str, list[Change]]) -> dict[str, Any] | None:
    """How a day filled up; None where no listed fund ever had a figure."""

    def state(ticker: str, at: datetime) -> Figure:
        return next((change.value for change in reversed(cells.get(ticker, [])) if change.at <= at), None)

    def printed_total(at: datetime) -> Figure:
        """A total applies until the next one, or until it is taken back or found wrong."""
        totals = [change.value for change in cells.get(TOTAL, []) if change.at <= at]
        return totals[-1] if totals else None

    def reported(at: datetime) -> int:
        return sum(state(ticker, at) is not None for ticker in listed)

    times = sorted({change.at for changes in cells.values() for change in changes})
    counted = [at for at in times if reported(at)]
    if not counted:
        return None
    complete = [reported(at) == len(listed) for at in times]
    row = {"final_total_usd": printed_total(counted[-1]), "first_observed_at": counted[0], "is_censored": complete[0]}
    if complete[0]:
        keys = ("first_total_usd", "is_sign_flipped", "completed_at", "hours_to_complete")
        return row | dict.fromkeys(keys)
    spell = next((at for at in range(len(times)) if all(complete[at:])), None)
    completed_at = None if spell is None else times[spell]
    partial = [printed_total(at) for at in counted if reported(at) < len(listed)]
    since = None if completed_at is None else completed_at - datetime.combine(day, time())
    return row | {
        "first_total_usd": printed_total(counted[0]),
        "is_sign_flipped": any((each or 0) * (row["final_total_usd"] or 0) < 0 for each in partial),
        "completed_at": completed_at,
        "hours_to_complete": None if since is None else since / timedelta(hours=1),
    }
