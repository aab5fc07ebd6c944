"""Messages of venues and lines of segments, made as their documentation shows them."""

import json

from ingestion.streams.lines import HOUR_MS, Line

HOUR = 1_795_698_000_000
"""2026-11-26 13:00 UTC."""
END = HOUR + HOUR_MS


def bybit(
    at: int, side: str = "Buy", size: str = "0.5", price: str = "100000", asset: str = "BTC", count: int = 1
) -> str:
    """A push of Bybit: by default a long of 50,000 USD."""
    data = [{"T": at, "s": f"{asset}USDT", "S": side, "v": size, "p": price}] * count
    return json.dumps({"topic": f"allLiquidation.{asset}USDT", "type": "snapshot", "ts": at + 100, "data": data})


def acknowledged(asset: str = "BTC", success: bool = True) -> str:
    """Bybit's answer to a request for a topic."""
    said = {"success": success, "ret_msg": "" if success else "Invalid symbol", "conn_id": "c"}
    return json.dumps(said | {"req_id": f"allLiquidation.{asset}USDT", "op": "subscribe"})


def binance(
    at: int, side: str = "SELL", filled: str = "0.5", price: str = "100000", symbol: str = "BTCUSDT", **more
) -> str:
    """A push of Binance: by default a long of 50,000 USD."""
    order = {"s": symbol, "S": side, "o": "LIMIT", "f": "IOC", "q": filled, "p": "99000", "ap": price, "X": "FILLED"}
    return json.dumps({"e": "forceOrder", "E": at + 5, "o": order | {"l": filled, "z": filled, "T": at} | more})


def okx(
    at: int,
    position: str = "long",
    side: str = "sell",
    size: str = "50",
    price: str = "100000",
    contract="BTC-USDT-SWAP",
) -> str:
    """A push of OKX: by default 50 contracts of a hundredth of a bitcoin, a long of 50,000 USD."""
    detail = {"bkLoss": "0", "bkPx": price, "ccy": "", "posSide": position, "side": side, "sz": size, "ts": str(at)}
    family = contract.removesuffix("-SWAP")
    data = [{"details": [detail], "instFamily": family, "instId": contract, "instType": "SWAP", "uly": family}]
    return json.dumps({"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": data})


def opened(*assets: str, at: int = HOUR) -> Line:
    """The line that opens a segment."""
    return Line(at, mark="opened", hour=HOUR, assets=assets or ("BTC",))


def heard(seconds: float, text: str) -> Line:
    """A message, so many seconds after the hour began."""
    return Line(HOUR + round(seconds * 1000), text=text)


def marked(seconds: float, mark: str, detail: str = "") -> Line:
    """How the connection stood, so many seconds after the hour began."""
    return Line(HOUR + round(seconds * 1000), mark=mark, detail=detail)


def alive(first: float, last: float, step: float = 20) -> list[Line]:
    """Answers to pings between two times, both included."""
    count = round((last - first) / step)
    return [marked(first + step * each, "alive") for each in range(count + 1)]
