"""Funds that come back under a name that no seed knows yet: their history is not counted twice."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from ingestion import fund_facts
from ingestion.judgement.known import Cells, Key, Known
from ingestion.lake.observations import TOTAL
from ingestion.source import Finding

Columns = dict[str, dict[tuple[date, str], Key]]
"""The cells of each ticker by day and metric."""


def without_repeats(page: Cells, known: Known) -> tuple[Cells, list[Finding]]:
    """A page without the cells that another fund's, which is gone from it, are known to have; and who was renamed.

    A fund whose column is gone from a page with its days (which never happened), and a new column that repeats some
    nonzero figure of it and contradicts none, are one fund. Where a figure had to be repeated three times, 77 of 355
    short pages were counted twice, by up to US$ 66.6 m. A name that the seed has takes the figures over from one that
    it does not have, such as a mistyped one: there they are blank.
    """
    shown = _columns(page)
    days = {key.value_date for key in page}
    assets = {key.asset for key in page}
    gone = _columns(
        key
        for key, cell in known.items()
        if key.asset in assets
        and key.value_date in days
        and key.ticker not in shown
        and key.ticker != TOTAL
        and cell.value is not None
    )
    findings: list[Finding] = []
    if not gone:
        return page, findings
    page = dict(page)
    for ticker in sorted(shown.keys() - {TOTAL}):
        former = _former(shown[ticker], gone, page, known)
        if former is None:
            continue
        is_right_name = ticker in fund_facts.funds() and former not in fund_facts.funds()
        for at, key in shown[ticker].items():
            if at in gone[former] and is_right_name:
                page[gone[former][at]] = None
            elif at in gone[former] and page[key] == known[gone[former][at]].value:
                del page[key]
        if not is_right_name and not any(key.ticker == ticker and key.asset in assets for key in known):
            detail = f"it repeats the figures of {former}, which is gone: name the rename in facts_ticker_history.csv"
            first = min(shown[ticker].values(), key=lambda key: key.value_date)
            findings.append(Finding("renamed_fund", first.asset, ticker, first.value_date, detail))
        del gone[former]
    return page, findings


def _former(column: dict[tuple[date, str], Key], gone: Columns, page: Cells, known: Known) -> str | None:
    """The fund of those that are gone which a column repeats most."""
    found = [(repeats, former) for former in gone if (repeats := _repeated(column, gone[former], page, known))]
    return min(found, key=lambda pair: (-pair[0], pair[1]))[1] if found else None


def _repeated(
    column: dict[tuple[date, str], Key], former: dict[tuple[date, str], Key], page: Cells, known: Known
) -> int:
    """How many nonzero figures of a fund that is gone a column has on the same days; 0 where it contradicts one."""
    repeated = 0
    for at in column.keys() & former.keys():
        value, cell = page[column[at]], known[former[at]]
        own = known.get(column[at])
        if own is not None and own.value is not None:
            if cell.value:
                return 0
        elif value == cell.value:
            repeated += bool(value)
        elif value is not None and (cell.value or cell.is_settled):
            return 0
    return repeated


def _columns(keys: Iterable[Key]) -> Columns:
    columns: Columns = defaultdict(dict)
    for key in keys:
        columns[key.ticker][key.value_date, key.metric] = key
    return dict(columns)
