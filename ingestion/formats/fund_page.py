"""What an issuer's page or answer says of a fund today: few figures, each stamped with a day of its own.

A page says the figures of one day, or of neighbouring ones; a day on which nobody asked is missing for ever. What
follows from figures is left to the models, where those of one day meet. What a page says twice has to fit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple, TypeVar

import msgspec

from ingestion.formats import bounds, fund_days
from ingestion.formats.fund_days import FundDay

Answer = TypeVar("Answer")
Metric = Literal["shares_outstanding", "nav_usd", "net_assets_usd", "native_held", "native_per_share"]
Text = str | int | float | None
"""A figure in JSON, which some write as text and some as a number."""

FIRST_DAY = date(2024, 1, 1)
"""The first US spot crypto funds began to trade on 2024-01-11."""

SHARES = (10_000, 20_000_000_000)
"""From some creation units, with which a fund begins, to ten times what the largest fund has: other units beyond."""

NET_ASSETS_USD = (1_000_000, 200_000_000_000)
"""From less than any of these funds has to twice what the largest one ever had: a figure beyond is in other units."""

ALSO: Mapping[str, Sequence[str]] = {
    "Ether": ("Ethereum",),
    "Near": ("Near Protocol",),
    "Hyperliquid": ("Hype",),
}
"""Other names of a coin. All 189 recorded lists name it by one word; others begin alike, as Bitcoin Cash does."""

UNITS = 2
"""How many times as much net assets may be as shares times NAV, or as little, if one is of a neighbouring day."""


class Figure(NamedTuple):
    """One figure as served: the day that it is stamped with, what it is, and its text."""

    as_of: str
    metric: Metric
    text: Text


def decode(content: bytes, answer: type[Answer]) -> Answer:
    """An answer in JSON, whose numbers may be written as text.

    Raises:
        PageRefused: it is too large, a web page, cut off, or of another shape.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    if bounds.is_too_large(content):
        raise fund_days.refused(f"{len(content):,} bytes, which no page of a fund has")
    if content.lstrip()[:1] == b"<":
        raise fund_days.refused("a web page (a challenge for browsers, or an address that has moved), not figures")
    try:
        return msgspec.json.decode(content, type=answer, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise fund_days.refused(f"an answer that is cut off or of another shape ({str(error)[:100]})") from None


def days(figures: Sequence[Figure]) -> list[FundDay]:
    """The figures by the day that they are stamped with, oldest first.

    Raises:
        PageRefused: a figure that is not there, as under another name or on the page of another question, none that is
            not blank, a day before there were such funds, or shares or an amount in other units.
    """
    found: dict[date, dict[str, str]] = defaultdict(dict)
    for figure in figures:
        day = fund_days.day(figure.as_of.strip())
        if day < FIRST_DAY:
            raise fund_days.refused(f"figures of {day}, before there were such funds")
        if figure.text is None:
            raise fund_days.refused(f"no {figure.metric} of {day}")
        text = str(figure.text).strip()
        if found[day].setdefault(figure.metric, text) != text:
            raise fund_days.refused(f"{figure.metric} of {day} twice with different figures")
    if not any(text not in fund_days.BLANKS for said in found.values() for text in said.values()):
        raise fund_days.refused("no figure, as a thin stub has none")
    for day, said in found.items():
        _check_units(day, {metric: fund_days.number(text) for metric, text in said.items()})
    return [FundDay(day.isoformat(), said) for day, said in sorted(found.items())]


def check_net_assets(stated: Text, shares: Text, nav: Text, unit: int = 1) -> None:
    """Refuses net assets that are far from shares times NAV; nothing where one of them is no number.

    Args:
        unit: of the net assets, in US$.

    Raises:
        PageRefused: they are, so that one of them is in other units.
    """
    assets, count, per_share = map(number, (stated, shares, nav))
    if not (assets and count and per_share):
        return
    if not 1 / Decimal(UNITS) <= assets * unit / (count * per_share) <= UNITS:
        raise fund_days.refused(
            f"net assets of {assets * unit:,.0f} US$ where shares times NAV are {count * per_share:,.0f}, so that one"
            " of them is in other units"
        )


def check_whole(text: Text) -> None:
    """Refuses a number of coins that has decimals, where a publisher prints whole coins: 14.726 may be 14,726.

    Raises:
        PageRefused: it has.
    """
    held = number(text)
    if held is not None and held != held.to_integral_value():
        raise fund_days.refused(f"{bounds.shown(str(text))}, expected whole coins")


def texts(**figures: Text) -> dict[str, str]:
    """Figures by metric, as text; blank where there is none."""
    return {metric: "" if each is None else str(each).strip() for metric, each in figures.items()}


def number(text: Text) -> Decimal | None:
    """A figure's number; None where it is none."""
    return fund_days.number("" if text is None else str(text).strip())


def only(names: Iterable[str], expected: str) -> int:
    """The place of the one name that is the coin's among a fund's holdings, in any case and as `ALSO` may have it.

    Raises:
        PageRefused: there is none, as on another fund's page, or there are several.
    """
    known = {name.lower() for name in (expected, *ALSO.get(expected, ()))}
    found = [place for place, name in enumerate(names) if name.strip().lower() in known]
    if len(found) != 1:
        raise fund_days.refused(f"{len(found) or 'no'} holdings of {expected}, expected one")
    return found[0]


def _check_units(day: date, said: Mapping[str, Decimal | None]) -> None:
    """Refuses figures of a day that no fund has, as one that was in thousands has not.

    Raises:
        PageRefused: there are shares or net assets, stated or implied, that no fund has.
    """
    shares, nav, held, per_share = (
        said.get(metric) or None for metric in ("shares_outstanding", "nav_usd", "native_held", "native_per_share")
    )
    if shares is None and held is not None and per_share is not None:
        shares = held / per_share
    if shares is not None and shares > 0 and not SHARES[0] <= shares <= SHARES[1]:
        raise fund_days.refused(f"{shares:,.0f} shares on {day}, which no fund has")
    for assets in (said.get("net_assets_usd"), shares and nav and shares * nav):
        if assets and assets > 0 and not NET_ASSETS_USD[0] <= assets <= NET_ASSETS_USD[1]:
            raise fund_days.refused(f"net assets of {assets:,.0f} US$ on {day}, which are in other units")
