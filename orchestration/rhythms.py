"""Who is asked in which rhythm, and within which time each raw table is asked for if all goes as it should."""

from dataclasses import dataclass
from datetime import timedelta

from ingestion import registry
from ingestion.source import PublisherSource
from orchestration import chains
from orchestration.outcome import tables_of_result
from orchestration.settings import Settings

OFF = "off"
BETWEEN_ASKS = {"session": timedelta(days=5), "utc_day": timedelta(days=1)}
"""Longest time between two asks when each is answered. Four days lie between two closes at a holiday beside a weekend,
and funds that have all reported are not asked again before the next one.
"""
READING = timedelta(hours=5)
"""Longest time that reading the new blocks of a chain is given."""


@dataclass(frozen=True)
class Rhythms:
    """Sources and chains by the rhythm in which they are asked.

    Attributes:
        why_none: why no publisher is asked; None where one is.
        funds, others: publishers.
        chains: `bitcoin` and `evm`, where one of their networks is configured.
    """

    why_none: str | None
    funds: tuple[PublisherSource, ...]
    others: tuple[PublisherSource, ...]
    chains: tuple[str, ...]


def of(settings: Settings) -> Rhythms:
    """Who is asked in which rhythm."""
    why_none = "publishers.mode is held: nobody is asked" if settings.publishers.mode == "held" else None
    asked = [source for source in registry.publishers() if settings.asks(source)]
    if not asked:
        why_none = "publishers.sources is empty: nobody is asked"
    funds = [source for source in asked if source.cadence and source.cadence.funds]
    return Rhythms(
        why_none,
        () if why_none else tuple(funds),
        () if why_none else tuple(source for source in asked if source not in funds),
        tuple(sorted({chain.source for chain in chains.configured(settings)})),
    )


def asked_within(settings: Settings) -> dict[str, timedelta]:
    """Time within which each raw table (`source/table`) is asked for; none of a table that no schedule asks for."""
    found, times = of(settings), settings.schedule
    within: dict[str, timedelta] = {}
    for cron, sources in ((times.funds, found.funds), (times.bars, found.others)):
        for source in sources:
            if cron != OFF and source.cadence:
                window = BETWEEN_ASKS[source.cadence.days] + _longest_gap(cron)
                within |= dict.fromkeys(tables_of_result(source.name), window)
    for name in found.chains if times.chains != OFF else ():
        within |= dict.fromkeys(tables_of_result(name), READING + _longest_gap(times.chains))
    return within


def _longest_gap(cron: str) -> timedelta:
    """An upper bound of the time between two ticks of a cron expression."""
    _, hours, days, months, weekdays = cron.split()
    if (days, months, weekdays) == ("*", "*", "*"):
        return timedelta(hours=1) if hours == "*" else timedelta(days=1)
    if (days, months) == ("*", "*"):
        return timedelta(days=7)
    return timedelta(days=31 if months == "*" and weekdays == "*" else 366)
