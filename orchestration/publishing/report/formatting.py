"""The report's formats: thousands separators, a true minus sign, and a dash for unknown values."""

from datetime import date, datetime
from decimal import Decimal
from math import floor, log10

UNKNOWN, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def day(value: date) -> str:
    """A day such as 3 Nov 2025."""
    return f"{value.day} {value:%b %Y}"


def amount(value: float | Decimal) -> str:
    """A number: two decimals below 1,000 unless it is an integer, more where they would hide it, otherwise none."""
    if 0 < abs(value) < 0.01:
        return f"{value:.{1 - floor(log10(abs(value)))}f}".replace("-", MINUS)
    text = f"{value:,.0f}" if abs(value) >= 1000 or isinstance(value, int) else f"{value:,.2f}"
    return text.replace("-", MINUS)


def cell(value: object) -> str:
    """Any value of a query as text."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{day(value)}, {value:%H:%M} UTC"
    if isinstance(value, date):
        return day(value)
    return amount(value) if isinstance(value, int | float | Decimal) else str(value)


def signed(value: float | Decimal) -> str:
    """A change: with its sign, in whole numbers from 10 on."""
    text = f"{value:+,.0f}" if abs(value) >= 10 else f"{value:+,.2f}"
    return text.replace("-", MINUS)


def shortday(text: str) -> str:
    """A day from ISO text."""
    return day(date.fromisoformat(text))
