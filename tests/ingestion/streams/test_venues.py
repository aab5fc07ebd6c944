"""What the messages of venues say, as their documentation shows them."""

import json

import msgspec
import pytest
from streams_made import HOUR, acknowledged, binance, bybit, okx

from ingestion.streams.venue import Declined, Subscribed
from ingestion.streams.venues import VENUES

BYBIT, BINANCE, OKX = VENUES["bybit"], VENUES["binance"], VENUES["okx"]


def sides(venue, *messages: str) -> list[tuple[str, str, float]]:
    return [(each.asset, each.side, float(each.notional_usd)) for text in messages for each in venue.read(text)]


def test_the_side_is_that_of_the_position_closed():
    assert sides(BYBIT, bybit(HOUR, "Buy"), bybit(HOUR, "Sell")) == [("BTC", "long", 50_000), ("BTC", "short", 50_000)]
    assert sides(BINANCE, binance(HOUR, "SELL"), binance(HOUR, "BUY")) == [
        ("BTC", "long", 50_000),
        ("BTC", "short", 50_000),
    ]


@pytest.mark.parametrize(
    ("position", "order", "side"),
    [("long", "sell", "long"), ("short", "buy", "short"), ("net", "sell", "long"), ("net", "buy", "short")],
)
def test_okx_names_the_position_or_the_order(position, order, side):
    assert sides(OKX, okx(HOUR, position, order)) == [("BTC", side, 50_000)]


def test_the_documented_messages_are_read():
    rose = (
        '{"topic":"allLiquidation.ROSEUSDT","type":"snapshot","ts":1739502303204,'
        '"data":[{"T":1739502302929,"s":"ROSEUSDT","S":"Sell","v":"20000","p":"0.04499"}]}'
    )
    assert sides(BYBIT, rose) == [("ROSE", "short", pytest.approx(899.8))]
    order = (
        '{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014",'
        '"p":"9910","ap":"9910","X":"FILLED","l":"0.014","z":"0.014","T":1568014460893}}'
    )
    assert sides(BINANCE, order) == [("BTC", "long", pytest.approx(138.74))]


def test_what_was_filled_counts_not_what_was_ordered():
    assert sides(BINANCE, binance(HOUR, filled="0.2", q="0.5")) == [("BTC", "long", 20_000)]
    assert sides(BINANCE, binance(HOUR, filled="0", price="0")) == []


def test_contracts_whose_quantity_is_no_coins_are_left_out():
    assert BINANCE.read(binance(HOUR, symbol="BTCUSD_PERP", st=2)) == []
    assert BINANCE.read(json.dumps(json.loads(binance(HOUR, symbol="BTCUSD_PERP")) | {"st": 2})) == []
    assert OKX.read(okx(HOUR, contract="BTC-USD-SWAP")) == []
    assert OKX.read(okx(HOUR, contract="NEW-USDT-SWAP")) == []
    assert sides(BINANCE, binance(HOUR, symbol="ETHUSDC"), binance(HOUR, symbol="ETHUSDT_261225"))[1][0] == "ETH"


def test_answers():
    assert BYBIT.read(acknowledged()) == Subscribed("allLiquidation.BTCUSDT") == Subscribed(BYBIT.topic("BTC"))
    assert BYBIT.read(acknowledged(success=False)) == Declined("allLiquidation.BTCUSDT", "Invalid symbol")
    assert BYBIT.read('{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}') is None
    ack = '{"event":"subscribe","arg":{"channel":"liquidation-orders","instType":"SWAP"},"connId":"a4d3ae55"}'
    assert OKX.read(ack) == Subscribed(OKX.topic("BTC"))
    assert OKX.read('{"event":"error","code":"60012","msg":"Invalid request","connId":"a"}').reason == "Invalid request"
    assert OKX.read('{"event":"notice","code":"64008","msg":"The connection will soon be closed"}') is None
    assert OKX.read("pong") is None


def test_each_contract_is_asked_for_by_itself():
    asked = [json.loads(each) for each in BYBIT.requests(["BTC", "ETH"])]
    assert [each["args"] for each in asked] == [["allLiquidation.BTCUSDT"], ["allLiquidation.ETHUSDT"]]
    assert [each["req_id"] for each in asked] == ["allLiquidation.BTCUSDT", "allLiquidation.ETHUSDT"]


@pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)
@pytest.mark.parametrize(
    "junk",
    [
        "",
        "<html>503</html>",
        "[]",
        "{}",
        '{"topic":"allLiquidation.BTCUSDT","data":{"T":1}}',
        bybit(HOUR, size="-1"),
        bybit(HOUR, price="NaN"),
        bybit(HOUR, side="buy"),
        binance(HOUR, filled="1e9"),
        binance(HOUR, price=""),
        okx(HOUR, size="1,000"),
        okx(HOUR, position="both"),
        '{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","z":"1","ap":"1","T":"soon"}}',
        '{"e":"forceOrder","o":{"s":"$","S":"SELL","z":"1","ap":"1","T":1}}',
    ],
)
def test_junk_is_no_liquidation(venue, junk):
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        venue.read(junk)
