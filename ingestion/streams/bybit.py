"""Bybit's stream of all liquidations, of perpetual contracts in USDT.

Its documentation (https://bybit-exchange.github.io/docs/v5/websocket/public/all-liquidation) says: "push all
liquidations that occur on Bybit", every 500 ms; `S` is the position side, "when you receive a Buy update, this means
that a long position has been liquidated"; `v` the executed size, in coins for linear contracts; `p` the bankruptcy
price; `T` in ms. There is no sequence number: a message that never came cannot be noticed. Contracts in USDC and
inverse ones are other topics, and left out.
"""

import json
from collections.abc import Sequence
from typing import Literal

import msgspec

from ingestion.streams.venue import Declined, Liquidation, Said, Side, Subscribed, Venue, number

TOPIC = "allLiquidation."
QUOTE = "USDT"
SIDES: dict[str, Side] = {"Buy": "long", "Sell": "short"}


class _Closed(msgspec.Struct):
    T: int
    s: str
    S: Literal["Buy", "Sell"]
    v: str
    p: str


class _Message(msgspec.Struct):
    """A push has topic and data; an answer has op, and req_id where the request had one."""

    topic: str = ""
    data: list[_Closed] = []
    op: str = ""
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""


_MESSAGES = msgspec.json.Decoder(_Message)


def topic(asset: str) -> str:
    """The topic of an asset's perpetual contract in USDT."""
    return f"{TOPIC}{asset}{QUOTE}"


def requests(assets: Sequence[str]) -> list[str]:
    """One request per topic: in one for several, a single unknown contract declines them all."""
    topics = [topic(asset) for asset in assets]
    return [json.dumps({"op": "subscribe", "req_id": each, "args": [each]}) for each in topics]


def read(text: str) -> Said:
    """What a message says."""
    message = _MESSAGES.decode(text)
    if message.op == "subscribe":
        return Subscribed(message.req_id) if message.success else Declined(message.req_id, message.ret_msg)
    if message.op in ("ping", "pong"):
        return None
    if not message.topic.startswith(TOPIC):
        raise ValueError("neither a liquidation nor an answer")
    return [_liquidation(each) for each in message.data]


def _liquidation(closed: _Closed) -> Liquidation:
    if not closed.s.endswith(QUOTE):
        raise ValueError(f"{closed.s[:40]!r} is no contract in {QUOTE}")
    notional, identity = number(closed.v) * number(closed.p), (closed.s, closed.S, str(closed.T), closed.v, closed.p)
    return Liquidation(closed.s.removesuffix(QUOTE), SIDES[closed.S], notional, closed.T, identity)


VENUE = Venue(
    name="bybit",
    coverage="all_fills",
    url="wss://stream.bybit.com/v5/public/linear",
    requests=requests,
    topic=topic,
    # "it is recommended to send the ping heartbeat packet every 20 seconds"
    ping='{"op":"ping"}',
    read=read,
)
