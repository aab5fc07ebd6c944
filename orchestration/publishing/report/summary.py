"""The report's first sentence, made from the rows of its cards."""

from collections.abc import Sequence
from datetime import date, timedelta

from orchestration.publishing.report.formatting import amount, day
from orchestration.publishing.report.results import Result


def sentence(cards: Sequence[Result]) -> str:
    """Who was selling and who was buying in the last complete week, in words; simulated networks are left out."""
    found = {card.answer.name: card.records for card in cards}
    funds = next((row for row in found["funds"] if row["asset"] == "BTC"), None)
    if funds is None:
        return "No week of the US spot Bitcoin funds is complete yet: nobody can be named a buyer or a seller."
    monday = date.fromisoformat(funds["week"])
    text = f"In the week of {day(monday)} to {day(monday + timedelta(days=6))}, US spot Bitcoin funds"
    text += f" {_change(funds['coins'], 'took in', 'gave back')} (US$ {amount(funds['US$ m'])} m)"
    whole = (row for row in found["holders"] if row["network"] == "main" and row["days"] == "7 of 7")
    if holders := next(whole, None):
        text += f", and the supply of long-term holders {_change(holders['net change, BTC'], 'rose by', 'fell by')}"
        text += f" ({holders['series']}, {holders['definition']})"
        if any(row["internal move"] for row in found["absorption"]):
            text += ", touched by a known internal move that was no sale"
    return f"{text}."


def _change(coins: float | None, up: str, down: str) -> str:
    if coins is None:
        return "moved an amount of coins that is not known"
    return f"{up if coins >= 0 else down} {amount(abs(coins))} BTC"
