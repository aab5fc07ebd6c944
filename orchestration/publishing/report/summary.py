"""The report's first sentence and its footnote, made from the rows of its tiles."""

from collections.abc import Sequence
from datetime import date

from orchestration.publishing.report.formatting import amount, day, signed
from orchestration.publishing.report.results import Result, Row

ASSET = "BTC"


def sentence(results: Sequence[Result]) -> str:
    """Who was buying and who was selling, since when, in words."""
    week, holders, streak = (_row(results, name) for name in ("week_flow", "holders_month", "streak_now"))
    if week is None:
        return "No week of the US spot Bitcoin funds is complete yet: nobody can be named a buyer or a seller."
    text = f"In the week of {_day(week['since'])} to {_day(week['day'])}, US spot Bitcoin funds{_part_of_reports(week)}"
    text += f" {_change(week['coins'], 'took in', 'gave back')} (US$ {amount(week['US$ m'])} m)"
    if streak and abs(streak["sessions"]) > 1:
        kind = "inflows" if streak["sessions"] > 0 else "outflows"
        text += f"; to {_day(streak['day'])} they had {abs(streak['sessions'])} sessions of {kind} in a row"
        text += _part_of_funds(streak)
    if holders:
        text += f". Over the 30 days to {_day(holders['day'])} the supply of long-term holders"
        text += f" {_change(holders['coins'], 'rose by', 'fell by')}{_band(holders['low'], holders['high'])}"
        if holders["internal move"]:
            text += ", touched by a known internal move that was no sale"
            text += _without_moves(holders["without moves, low"], holders["without moves, high"])
    return f"{text}."


def _part_of_reports(week: Row) -> str:
    """Of how many reports a flow is the sum, where some are missing."""
    if week["reported"] == week["expected"]:
        return ""
    return f", by the {week['reported']} of {week['expected']} reports that are stored,"


def _part_of_funds(streak: Row) -> str:
    """Of how many funds a streak is, where some are missing."""
    if streak["reported"] == streak["expected"]:
        return ""
    return f", by {streak['reported']} of {streak['expected']} funds"


def _without_moves(low: float | None, high: float | None) -> str:
    """The change without known moves by both bounds; nothing where the definition is no threshold."""
    if low is None or high is None:
        return ""
    bounds = dict.fromkeys(signed(bound) for bound in sorted((low, high)))
    return f"; without what is known of such moves it changed by {' to '.join(bounds)} BTC"


def footnote(results: Sequence[Result]) -> str:
    """What the sentence's long-term holders are, exactly; empty where it names none."""
    holders = _row(results, "holders_month")
    if holders is None or _row(results, "week_flow") is None:
        return ""
    return f"Series {holders['series']}, definition {holders['definition']}; other definitions are in the charts."


def _row(results: Sequence[Result], name: str) -> Row | None:
    found = next(result for result in results if result.answer.name == name)
    return next((row for row in found.records if row["asset"] == ASSET), None)


def _day(text: str) -> str:
    return day(date.fromisoformat(text))


def _band(low: float | None, high: float | None) -> str:
    """The span over the definitions of a long-term holder that are stored, where they differ."""
    if low is None or high is None or low == high:
        return ""
    return f" ({amount(low)} to {amount(high)} BTC by definition)"


def _change(coins: float | None, up: str, down: str) -> str:
    if coins is None:
        return "moved an amount of coins that is not known"
    return f"{up if coins >= 0 else down} {amount(abs(coins))} BTC"
