"""Binance's stream of forced orders, of contracts in USDT and USDC.

Its documentation (https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams) says:
"for each symbol, only the latest one liquidation order within 1000ms will be pushed as the snapshot", so that sums are
lower bounds; `S` is the side of the order, so that a SELL closes a long; `z` the filled quantity in coins, `ap` the
average price, `T` in ms. A connection lasts 24 hours. Since 2026-04-23 the stream is below /market: the former address
still connects and never pushes anything. `st` 2 marks contracts that are margined in coins: their quantity is in
contracts, and they are left out.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from ingestion.streams.venue import Liquidation, Said, Side, Venue, number

STREAM = "!forceOrder@arr"
CONTRACT = re.compile(r"(\w+?)(USDT|USDC)(_\d{6})?")
SIDES: dict[str, Side] = {"SELL": "long", "BUY": "short"}
COIN_MARGINED = 2


class _Order(msgspec.Struct):
    s: str
    S: Literal["BUY", "SELL"]
    z: str
    ap: str
    T: int
    st: int = 1


class _Message(msgspec.Struct):
    e: Literal["forceOrder"]
    o: _Order
    st: int = 1


_MESSAGES = msgspec.json.Decoder(_Message)


def requests(assets: Sequence[str]) -> list[str]:
    """None: the address names the stream."""
    return []


def read(text: str) -> Said:
    """What a message says; nothing of contracts that are margined in coins."""
    message = _MESSAGES.decode(text)
    order = message.o
    if COIN_MARGINED in (message.st, order.st):
        return []
    contract = CONTRACT.fullmatch(order.s)
    if not contract:
        raise ValueError(f"{order.s[:40]!r} is no contract in USDT or USDC")
    notional = number(order.z) * number(order.ap)
    identity = (order.s, order.S, str(order.T), order.z, order.ap)
    return [Liquidation(contract[1], SIDES[order.S], notional, order.T, identity)] if notional else []


VENUE = Venue(
    name="binance",
    coverage="throttled_snapshot",
    url=f"wss://fstream.binance.com/market/ws/{STREAM}",
    requests=requests,
    topic=lambda asset: STREAM,
    pushes_at_once=(STREAM,),
    max_silence_seconds=1800,
    read=read,
)
