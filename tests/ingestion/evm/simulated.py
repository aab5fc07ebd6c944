"""A simulated chain whose answers a test may spoil, the sample's node over HTTP, and the rows that a lake has of it."""

import json
from collections.abc import Callable, Sequence

import polars as pl
from loopback import HttpServer, JsonHandler

from ingestion.evm.ledger import TABLES
from ingestion.evm.rows import ZERO_ADDRESS
from ingestion.lake.tables import Lake
from ingestion.sample import tokens as sample

TOKEN = sample.BITCOIN.address
HOLDERS = [f"0x{n + 1:040x}" for n in range(40)]
KEY = "sEcr3tK3y0123456789"


class ServedNode(HttpServer):
    """The sample's node over HTTP, at an address with a key in it."""

    def __init__(self) -> None:
        self.provider = provider = sample.Provider(sample.chain())

        def answer(call: dict) -> dict:
            return provider.answer(call["method"], call["params"]) | {"id": call["id"]}

        class Handler(JsonHandler):
            def do_POST(self) -> None:
                asked = self.read_json()
                found = [answer(each) for each in asked] if isinstance(asked, list) else answer(asked)
                self.reply(200, json.dumps(found).encode())

        super().__init__(Handler)
        self.url = f"http://127.0.0.1:{self.port}/v2/{KEY}"


class Spoilt(sample.Provider):
    """A node whose answers a test may spoil; records the requests."""

    def __init__(self, chain: sample.Chain, spoil: Callable[[dict, list], list] = lambda asked, logs: logs):
        super().__init__(chain)
        self.spoil = spoil
        self.ranges: list[tuple[int, int]] = []
        self.hashes: list[str] = []
        self.headers: list[int] = []

    def eth_getLogs(self, asked: dict) -> list[dict]:
        if "blockHash" in asked:
            self.hashes.append(asked["blockHash"])
        else:
            self.ranges.append((int(asked["fromBlock"], 16), int(asked["toBlock"], 16)))
        return self.spoil(asked, super().eth_getLogs(asked))

    def eth_getBlockByNumber(self, tag: str, full: bool) -> dict | None:
        header = super().eth_getBlockByNumber(tag, full)
        if header:
            self.headers.append(int(header["number"], 16))
        return header


def chain(blocks: int, loud: Sequence[int]) -> sample.Chain:
    """A chain of blocks, those in `loud` with a mint."""
    made = sample.Chain()
    for number in range(blocks):
        made.mine(1_700_000_000 + number, [mint(number)] if number in loud else [])
    return made


def mint(units: int, token: str = TOKEN) -> sample.Log:
    return sample.transfer(token, ZERO_ADDRESS, sample.TRADERS[0], units)


def held(lake: Lake) -> dict[str, list[tuple]]:
    """The rows of every table, sorted."""
    return {
        table: sorted(pl.read_parquet(lake.root / "evm" / table / "*.parquet").rows(), key=repr) for table in TABLES
    }
