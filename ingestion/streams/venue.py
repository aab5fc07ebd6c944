"""What a venue with a stream is: where it is, what to ask it for, and what its messages say."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

Coverage = Literal["all_fills", "throttled_snapshot"]
Side = Literal["long", "short"]

SOURCE = "liquidation_stream"
"""The name of the source whose captures are segments of streams."""

ASSETS = ("ADA", "BNB", "BTC", "DOGE", "ETH", "SOL", "TON", "XRP")
"""Whose contracts are listened to where nobody says otherwise."""

NUMBER = re.compile(r"[0-9]{1,24}(\.[0-9]{1,24})?")


class Liquidation(NamedTuple):
    """A position that a venue closed by force.

    Attributes:
        side: of the position that was closed.
        at: when, by the venue, in ms since 1970.
        identity: two of one identity in different messages are one.
    """

    asset: str
    side: Side
    notional_usd: Decimal
    at: int
    identity: tuple[str, ...]


class Subscribed(NamedTuple):
    """The venue says that it pushes a topic from now on."""

    topic: str


class Declined(NamedTuple):
    """The venue says that it does not push a topic."""

    topic: str
    reason: str


Said = list[Liquidation] | Subscribed | Declined | None
"""What a message says; None for one that says nothing about liquidations, such as a pong."""


@dataclass(frozen=True, kw_only=True)
class Venue:
    """A venue with a stream of liquidations.

    Attributes:
        coverage: all_fills where it pushes each liquidation, throttled_snapshot where it leaves some out.
        url: of its websocket.
        requests: what to send first, in order to hear of some assets.
        topic: the topic that an asset's liquidations are pushed in.
        pushes_at_once: the topics that it pushes without being asked and without a word.
        ping: what to send from time to time beside the protocol's own ping; None for nothing.
        max_silence_seconds: for a stream of the whole market, longer than which it cannot be without one liquidation;
            None for one of single contracts, which may be silent for hours.
        read: what a message says. Raises ValueError for one that it does not know.
    """

    name: str
    coverage: Coverage
    url: str
    requests: Callable[[Sequence[str]], list[str]]
    topic: Callable[[str], str]
    pushes_at_once: tuple[str, ...] = ()
    ping: str | None = None
    max_silence_seconds: int | None = None
    read: Callable[[str], Said]


def number(text: str) -> Decimal:
    """A number that is not negative, as venues write them.

    Raises:
        ValueError: it is none.
    """
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no number")
    return Decimal(text)
