"""Changes of published figures in plain Python, from the captures that show them."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from fund_captures import NEVER, World
from fund_oracle import COUNT, FLOW, NAV, TOTAL, Figure, Rows

FUND_SOURCES = ("farside", "ishares")


@dataclass(frozen=True)
class Print:
    """What a page shows of a cell from a time on; before the close of its session a fund's flow is no report."""

    at: datetime
    value: Figure
    is_early: bool
    sha256: str


def prints(world: World, until: datetime) -> dict[tuple, list[Print]]:
    """How each figure of funds changed, by (source, asset, ticker, day, metric); pages of one second are one."""
    closes = {session.day: session.closes_at for session in world.sessions}
    found: dict[tuple, list[Print]] = defaultdict(list)
    for page in sorted(world.pages, key=lambda page: (page.fetched_at, page.sha256)):
        if page.source not in FUND_SOURCES or page.fetched_at > until:
            continue
        for key, value in page.cells.items():
            _, ticker, day, metric = key
            is_early = metric == FLOW and ticker != TOTAL and page.fetched_at < closes.get(day, page.fetched_at)
            shown = found[page.source, *key]
            if shown and shown[-1].at == page.fetched_at:
                shown.pop()
            before = shown[-1].value if shown else None
            if value != before or (shown and value is not None and shown[-1].is_early and not is_early):
                shown.append(Print(page.fetched_at, value, is_early, page.sha256))
    return found


def etf_revisions(world: World, until: datetime) -> Rows:
    """The changes of a figure after it was first reported; of a total, once every listed fund had a figure."""
    cells = prints(world, until)
    complete = completed(world, cells)
    rows = {}
    for key, shown in cells.items():
        source, asset, ticker, day, _ = key
        first = next((each.at for each in shown if each.value is not None), None)
        reported = False
        for before, each in pairwise([Print(NEVER, None, False, ""), *shown]):
            is_change = each.value != before.value and (before.value is not None or reported)
            is_settled = ticker != TOTAL or each.at > complete.get((source, asset, day), NEVER)
            if is_change and is_settled:
                rows[*key, each.at] = {
                    "kind": kind_of_revision(world, key, before, each),
                    "previous_value": before.value,
                    "value": each.value,
                    "hours_since_first": (each.at - first) / timedelta(hours=1),
                    "previous_archive_sha256": before.sha256,
                    "archive_sha256": each.sha256,
                }
            reported = reported or (each.value is not None and not each.is_early)
    return rows


def completed(world: World, cells: dict[tuple, list[Print]]) -> dict[tuple, datetime]:
    """When the last of the listed funds had its first report, by (source, asset, session)."""
    found = {}
    for source, asset, ticker, day, metric in cells:
        if ticker == TOTAL:
            listed = [fund.ticker for fund in world.funds if fund.asset == asset and fund.is_listed(day)]
            shown = [cells.get((source, asset, fund, day, metric), []) for fund in listed]
            first = [next((p.at for p in of if p.value is not None and not p.is_early), None) for of in shown]
            if first and None not in first and any(session.day == day for session in world.sessions):
                found[source, asset, day] = max(first)
    return found


def kind_of_revision(world: World, key: tuple, before: Print, after: Print) -> str:
    _, _, ticker, day, metric = key
    fund = next((fund for fund in world.funds if fund.ticker == ticker), None)
    is_session = any(session.day == day for session in world.sessions)
    ratios = [event["ratio"] for event in world.events if event["ticker"] == ticker and event.get("ratio")]
    if before.value is not None and before.is_early:
        return "placeholder"
    if metric == FLOW and ticker != TOTAL and not (is_session and fund is not None and fund.is_listed(day)):
        return "unlisted"
    if after.value is None:
        return "withdrawal"
    if before.value is None:
        return "restoration"
    grown = {COUNT: ratios, NAV: [1 / ratio for ratio in ratios]}.get(metric, [])
    is_split = before.value and any(abs(after.value / before.value / ratio - 1) < 0.001 for ratio in grown)
    return "restatement" if is_split else "correction"
