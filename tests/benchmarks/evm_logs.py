"""The cost of reading token transfers from a node into Parquet, against three other tools.

All read the same node, anvil, in this run, each in a process of its own after its imports: logs per second of wall
time and of CPU time, and how many times as many this project's pipeline does. It alone holds the token against the
node's accounts, for which anvil takes half a second: the second line is without, and others are compared with that.
What the node itself spends is not counted, but shares the machine. web3's own events, the slowest, are read for a tenth
of the blocks. Last, the memory of the pipeline over ranges of several lengths, from a node made up in its process.
Needs node, npm and uv; whoever cannot be had is named.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "ingestion" / "evm"))

import anvil

from ingestion.sample import tokens as sample

BLOCKS, MOVES = 1_000, 100
LENGTHS = (2_500, 10_000, 40_000)
TOKEN = sample.BITCOIN.address
ZERO = "0x" + 40 * "0"
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))

# Each is given the node's address, a folder, and how many blocks hold logs; what it prints is the count of its logs.
OURS = """
import pyarrow  # is imported when it is first needed
from pathlib import Path
from ingestion.evm import ingest
from ingestion.evm.block_range import BlockRange
from ingestion.evm.node import Node
from ingestion.evm.rows import Token, WatchList
from ingestion.evm.provider import Provider
from ingestion.lake.tables import Lake
begin()
watch_list = WatchList("anvil", 31337, (Token(token, "SIMBTC", 8, 1),))
taken = ingest.from_node(Lake(Path(folder)), Node(Provider(url)), watch_list, BlockRange(1, blocks))
assert not taken.failures, taken.failures
end(taken.events)
"""
WITHOUT_ACCOUNTS = OURS.replace("begin()", "ingest.reconcile = lambda *_: []\nbegin()")
ENDLESS = """
import json
class Provider:
    shown, in_flight = "a node made up", 4
    def __init__(self, _):
        topics = ["0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef", "0x" + 64 * "0"]
        block = {"blockNumber": "0x@", "blockHash": "0x" + 58 * "0" + "@", "blockTimestamp": "0x68e00000"}
        logs = [{"address": token, "topics": [*topics, f"0x{n + 1:064x}"], "data": f"0x{1:064x}", **block,
                 "transactionHash": f"0x{n:064x}", "logIndex": hex(n), "removed": False} for n in range(100)]
        self.logs = json.dumps(logs, separators=(",", ":"))[1:-1]
    def ask(self, method, params, read, is_patient=True):
        return read(f'{{"id":0,"result":{self.answer(method, params)}}}'.encode())
    def ask_many(self, method, params, read):
        answers = (f'{{"id":{n},"result":{self.answer(method, each)}}}' for n, each in enumerate(params))
        return read(f'[{",".join(answers)}]'.encode())
    def answer(self, method, params):
        if method == "eth_getLogs":
            first, last = (int(params[0][end], 16) for end in ("fromBlock", "toBlock"))
            return "[" + ",".join(self.logs.replace("@", f"{number:06x}") for number in range(first, last + 1)) + "]"
        if method == "eth_getBlockByNumber":
            number = blocks if params[0] in ("finalized", "latest") else int(params[0], 16)
            return json.dumps({"number": hex(number), "hash": f"0x{number:064x}", "parentHash": f"0x{number - 1:064x}",
                               "timestamp": "0x68e00000", "logsBloom": "0x" + 512 * "f"})
        if method == "eth_call":
            return json.dumps(hex(int(params[1], 16) * (100 if len(params[0]["data"]) == 10 else 1)))
        return json.dumps({"eth_chainId": hex(31337), "eth_getCode": "0x00"}[method])
""" + OURS.replace("from ingestion.evm.provider import Provider\n", "")
EVENTS = """
import polars
from web3 import HTTPProvider, Web3
inputs = [{"type": "address", "indexed": True, "name": "from"}, {"type": "address", "indexed": True, "name": "to"},
          {"type": "uint256", "indexed": False, "name": "value"}]
abi = [{"type": "event", "name": "Transfer", "anonymous": False, "inputs": inputs}]
begin()
contract = Web3(HTTPProvider(url)).eth.contract(address=Web3.to_checksum_address(token), abi=abi)
rows = []
for first in range(1, blocks + 1, 100):
    for log in contract.events.Transfer().get_logs(from_block=first, to_block=min(first + 99, blocks)):
        args = log["args"]
        rows.append((log["blockNumber"], log["blockHash"].hex(), log["logIndex"], log["transactionHash"].hex(),
                     args["from"], args["to"], str(args["value"])))
polars.DataFrame(rows, orient="row").write_parquet(folder + "/events.parquet")
end(len(rows))
"""
ETL = """
import inspect
inspect.getargspec = lambda function: inspect.getfullargspec(function)[:4]  # of which Python 3.11 has no more
import polars
from ethereumetl.jobs.export_token_transfers_job import ExportTokenTransfersJob
from ethereumetl.jobs.exporters.token_transfers_item_exporter import token_transfers_item_exporter
from ethereumetl.providers.auto import get_provider_from_uri
from ethereumetl.thread_local_proxy import ThreadLocalProxy
from web3 import Web3
begin()
ExportTokenTransfersJob(
    start_block=1, end_block=blocks, batch_size=100, max_workers=4, tokens=[Web3.toChecksumAddress(token)],
    web3=ThreadLocalProxy(lambda: Web3(get_provider_from_uri(url))),
    item_exporter=token_transfers_item_exporter(folder + "/transfers.csv"),
).run()
rows = polars.read_csv(folder + "/transfers.csv")
rows.write_parquet(folder + "/transfers.parquet")
end(rows.height)
"""
CRYO = """
import cryo, glob, polars
begin()
cryo.freeze("erc20_transfers", blocks=[f"1:{blocks + 1}"], rpc=url, contract=[token], output_dir=folder, hex=True,
            chunk_size=100, inner_request_size=100, max_concurrent_requests=4, no_verbose=True)
end(polars.scan_parquet(glob.glob(folder + "/*.parquet")).select(polars.len()).collect().item())
"""
CLOCK = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
url, folder, blocks, token = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
def cpu():
    return sum(each.ru_utime + each.ru_stime for each in map(resource.getrusage, (0, -1)))
def begin():
    global started
    started = time.perf_counter(), cpu()
def end(logs):
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([logs, time.perf_counter() - started[0], cpu() - started[1], memory / 1e6]))
"""


class Cost(NamedTuple):
    """How many logs, the seconds of wall and CPU time they took, and the gigabytes of memory at most."""

    logs: int
    wall: float
    cpu: float
    peak: float


def alone(*packages: str) -> list[str]:
    """A Python with these packages in its own environment."""
    wanted = [word for package in packages for word in ("--with", package)]
    return [UV, "run", "--no-project", "--isolated", "--quiet", *wanted, "python"]


def grow() -> anvil.Anvil:
    """A node with a hundred mints in each of a thousand blocks, all finalized."""
    node = anvil.Anvil()
    node.set_code(TOKEN, anvil.TOKEN)
    for number in range(BLOCKS):
        node.move(TOKEN, *((ZERO, f"0x{number * MOVES + n + 1:040x}", 10**8 + n) for n in range(MOVES)))
        node.mine()
    node.skip(70)
    return node


def measure(python: list[str], program: str, url: str, blocks: int) -> Cost | str:
    """The cost of a program, or why it could not be measured."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*python, "-c", CLOCK + program, url, folder, str(blocks), TOKEN]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    cost = Cost(*json.loads(done.stdout.splitlines()[-1]))
    assert cost.logs == blocks * MOVES, f"{cost.logs} logs of {blocks * MOVES}"
    return cost


def measured(python: list[str], program: str, url: str, blocks: int) -> Cost:
    """The cost of a program of our own, which must run."""
    cost = measure(python, program, url, blocks)
    assert isinstance(cost, Cost), cost
    return cost


if __name__ == "__main__":
    if reason := anvil.missing():
        sys.exit(f"No anvil here: {reason}.")
    node = grow()
    try:
        python = [sys.executable]
        ours = measured(python, WITHOUT_ACCOUNTS, node.url, BLOCKS)
        runs = {
            "flowhouse": measured(python, OURS, node.url, BLOCKS),
            "without accounts": ours,
            "web3 contract.events": measure(python, EVENTS, node.url, BLOCKS // 10),
            "ethereum-etl": measure(alone("ethereum-etl", "setuptools<81", "polars"), ETL, node.url, BLOCKS),
            "cryo": measure(alone("cryo-python", "polars"), CRYO, node.url, BLOCKS),
        }
    finally:
        node.close()
    for name, cost in runs.items():
        if isinstance(cost, str):
            print(f"{name:<22} cannot be had here: {cost}")
            continue
        wall, cpu = cost.logs / cost.wall, cost.logs / cost.cpu
        times = f"{ours.logs / ours.wall / wall:5.2f} and {ours.logs / ours.cpu / cpu:5.2f} times"
        print(f"{name:<22} {cost.logs:>9,} logs  {wall:>9,.0f} a second  {cpu:>9,.0f} a CPU second  {times}")
    for blocks in LENGTHS:
        cost = measured(python, ENDLESS, "made up", blocks)
        print(f"{'node made up':<22} {cost.logs:>9,} logs  {cost.logs / cost.wall:>9,.0f} a second  {cost.peak:.2f} GB")
