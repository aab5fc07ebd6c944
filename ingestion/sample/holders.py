"""The sample's chain: four hundred days of simulated holders on a regtest chain, and a sell-off that is known.

Nothing in it happened. Miners are paid four times a day; traders move young coins about; holders sit still until the
thirty days up to 4 November 2025, on each of which they spend the oldest coins of 155 days and more.
"""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain, Coin, Input, Output, Transaction

FIRST_DAY = date(2024, 10, 5)
DAYS = 400
BLOCKS_A_DAY = 4
MATURITY = 100
"""Blocks before a coinbase may be spent."""
YOUNG_COINS = 40
SELL_OFF = (date(2025, 10, 6), date(2025, 11, 4))
SOLD_A_DAY = 8
OLD = timedelta(days=155)
BLOCKS_A_FILE = 600
KEY = bytes.fromhex("5eed0f5a3b1e7c21")


def chain() -> Chain:
    """The chain, the same every time."""
    chance = random.Random(2025)
    made = Chain.begin()
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        for nth in range(BLOCKS_A_DAY):
            trades = _trades(made, chance)
            if nth == 0 and SELL_OFF[0] <= day <= SELL_OFF[1]:
                trades += _sales(made, day, {each.outpoint for trade in trades for each in trade.inputs})
            made.mine(_seconds(day) + (nth * 24 + 12) * 900, trades)
    return made


def write(datadir: Path) -> None:
    """The chain as a node keeps it: block and undo files below `datadir`, XOR on."""
    blocks = chain().blocks
    files = [blocks[first : first + BLOCKS_A_FILE] for first in range(0, len(blocks), BLOCKS_A_FILE)]
    write_files(datadir / "regtest" / "blocks", files, key=KEY)


def _trades(made: Chain, chance: random.Random) -> list[Transaction]:
    """A young coin or two split between two owners, at a fee."""
    newest_first = (point for point, coin in reversed(made.unspent.items()) if _is_mature(made, coin))
    mature = [*islice(newest_first, YOUNG_COINS)][::-1]
    points = chance.sample(mature, min(len(mature), chance.randint(0, 2)))
    return [_payment(made, [point], chance.uniform(0.1, 0.9)) for point in points]


def _sales(made: Chain, day: date, moved: set[tuple[bytes, int]]) -> list[Transaction]:
    """The oldest coins of 155 days and more, paid on in one transaction."""
    latest = _seconds(day - OLD)
    old = [
        point
        for point, coin in made.unspent.items()
        if point not in moved and _is_mature(made, coin) and made.blocks[coin.height].time < latest
    ]
    return [_payment(made, old[:SOLD_A_DAY], 0.5)] if old else []


def _payment(made: Chain, points: list[tuple[bytes, int]], share: float) -> Transaction:
    amount = sum(made.unspent[point].amount for point in points)
    fee = min(amount // 1000, 1000)
    first = int(amount * share)
    outputs = (Output(first), Output(amount - fee - first))
    return Transaction(tuple(Input(*point) for point in points), outputs)


def _is_mature(made: Chain, coin: Coin) -> bool:
    return not coin.is_coinbase or made.tip.height + 1 - coin.height >= MATURITY


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
