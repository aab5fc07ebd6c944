"""OKX's stream of liquidation orders, of perpetual contracts in USDT.

Its documentation (https://www.okx.com/docs-v5/en/#public-data-websocket-liquidation-orders-channel) says: "this data
doesn't represent the total number of liquidations on OKX", so that sums are lower bounds; `posSide` is that of the
position, and where it is net, `side` is that of the order, so that a sell closes a long; `sz` the number of contracts;
`bkPx` the price of the transaction with the liquidation account; `ts` in ms, "not necessarily in chronological order".
The stream does not say how many coins a contract has.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from ingestion.streams.venue import Declined, Liquidation, Said, Side, Subscribed, Venue, number

CHANNEL = "liquidation-orders"
KIND = "SWAP"
QUOTE = "-USDT-SWAP"
CONTRACT_COINS = {
    "ADA": Decimal(100),
    "BNB": Decimal("0.01"),
    "BTC": Decimal("0.01"),
    "DOGE": Decimal(1000),
    "ETH": Decimal("0.1"),
    "SOL": Decimal(1),
    "TON": Decimal(1),
    "XRP": Decimal(100),
}
"""Coins of one contract, `ctVal` of https://www.okx.com/api/v5/public/instruments?instType=SWAP, as several public
clients list it; not read from OKX itself. A contract that is not listed is left out: nobody knows its size."""


class _Argument(msgspec.Struct):
    channel: str = ""


class _Detail(msgspec.Struct):
    side: Literal["buy", "sell"]
    posSide: Literal["long", "short", "net"]
    bkPx: str
    sz: str
    ts: str


class _Contract(msgspec.Struct):
    instId: str
    details: list[_Detail]


class _Message(msgspec.Struct):
    """A push has arg and data; an answer has an event."""

    arg: _Argument = msgspec.field(default_factory=_Argument)
    data: list[_Contract] = []
    event: str = ""
    msg: str = ""


_MESSAGES = msgspec.json.Decoder(_Message)


def requests(assets: Sequence[str]) -> list[str]:
    """One request for all perpetual contracts: the channel cannot be asked for single ones."""
    return [json.dumps({"op": "subscribe", "args": [{"channel": CHANNEL, "instType": KIND}]})]


def read(text: str) -> Said:
    """What a message says; nothing of contracts whose size is not known."""
    if text == "pong":
        return None
    message = _MESSAGES.decode(text)
    match message.event:
        case "subscribe":
            return Subscribed(message.arg.channel)
        case "error":
            return Declined(CHANNEL, message.msg)
        case "notice":
            return None
        case _:
            pass
    if message.arg.channel != CHANNEL:
        raise ValueError("neither a liquidation nor an answer")
    sized = [(asset, each) for each in message.data if (asset := _asset(each.instId)) in CONTRACT_COINS]
    return [_liquidation(asset, each.instId, detail) for asset, each in sized for detail in each.details]


def _asset(contract: str) -> str:
    return contract.removesuffix(QUOTE) if contract.endswith(QUOTE) else ""


def _liquidation(asset: str, contract: str, detail: _Detail) -> Liquidation:
    net: Side = "long" if detail.side == "sell" else "short"
    side = net if detail.posSide == "net" else detail.posSide
    notional = number(detail.sz) * CONTRACT_COINS[asset] * number(detail.bkPx)
    identity = (contract, side, detail.ts, detail.sz, detail.bkPx)
    return Liquidation(asset, side, notional, int(number(detail.ts)), identity)


VENUE = Venue(
    name="okx",
    coverage="throttled_snapshot",
    url="wss://ws.okx.com:8443/ws/v5/public",
    requests=requests,
    topic=lambda asset: CHANNEL if asset in CONTRACT_COINS else "",
    # "if no new message is received within N seconds (N < 30), send the String 'ping'"
    ping="ping",
    max_silence_seconds=1800,
    read=read,
)
