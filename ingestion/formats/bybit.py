"""Answers of Bybit's public interface v5, newest entries first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingestion.formats import derivatives
from ingestion.formats.derivatives import Text, refused

URL = "https://api.bybit.com/v5/market"
TERMS = "Bybit's terms are silent on redistribution; fetching is opt-in."
LIMIT = 200
INVERSE = ("BTCUSD", "ETHUSD")
"""Perpetual contracts on coins; each is one dollar."""


class Answer(msgspec.Struct):
    """An answer, as served: retCode 0, or what is wrong with status 200 all the same."""

    retCode: Text
    retMsg: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")


def parse(content: bytes, result: type[Any]) -> Any:
    """The result of an answer.

    Raises:
        PageRefused: the answer is none, says that something is wrong, or its result is of another shape.
    """
    answer: Answer = derivatives.read_json(content, Answer)
    if str(answer.retCode) != "0":
        raise refused(f"the error {str(answer.retCode)[:20]!r} of Bybit ({answer.retMsg[:100]!r})")
    return derivatives.read_json(bytes(answer.result), result)


def address(path: str, contract: str, start: datetime, end: datetime) -> str:
    """Of the entries of a contract from `start` on and before `end`."""
    first, last = derivatives.milliseconds(start), derivatives.milliseconds(end) - 1
    category = "inverse" if contract in INVERSE else "linear"
    return f"{URL}/{path}category={category}&symbol={contract}&startTime={first}&endTime={last}&limit={LIMIT}"


def asset(contract: str) -> str:
    """The coin of a contract: BTCUSDT and BTCUSD are on BTC."""
    return contract.removesuffix("USDT").removesuffix("USD")


def times(entries: Sequence[msgspec.Struct], column: str) -> list[datetime]:
    """When the entries are of, UTC without zone."""
    if not entries:
        return []
    return derivatives.instants(derivatives.texts(type(entries[0]), entries), column)[column].to_list()
