"""Bitcoin Core itself on regtest, where there is one: `FLOWHOUSE_BITCOIND` names it, or it is on the PATH."""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.node.client import Rest, Rpc
from ingestion.sample.regtest import REGTEST, Block

SECONDS = 60
# Files of 64 KiB, so that a short chain has many, of which some can be pruned.
OPTIONS = ("-regtest", "-server=1", "-rest=1", "-listen=0", "-connect=0", "-fastprune=1", "-printtoconsole=0")


class Core:
    """A bitcoind with its data in `datadir`; started, stopped and killed at will."""

    def __init__(self, program: str, datadir: Path):
        self.datadir = datadir
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        datadir.mkdir()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def cookie(self) -> Path:
        return self.datadir / "regtest" / ".cookie"

    def start(self, *options: str) -> None:
        """Start it and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        command = [self._program, f"-datadir={self.datadir}", f"-rpcport={self._port}", *OPTIONS, *options]
        self._process = subprocess.Popen(command)
        until = time.monotonic() + SECONDS
        while True:
            try:
                self.call("getblockchaininfo")
                return
            except (OSError, RuntimeError):  # it warms up
                assert self._process.poll() is None, "bitcoind ended"
                assert time.monotonic() < until, "bitcoind does not answer"
                time.sleep(0.2)

    def stop(self) -> None:
        if self._process:
            self.call("stop")
            self._process.wait(SECONDS)
            self._process = None

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(SECONDS)
            self._process = None

    def call(self, method: str, *params: object) -> Any:
        """The result of an RPC; RuntimeError with the node's words."""
        request = urllib.request.Request(self.url, json.dumps({"method": method, "params": params, "id": 0}).encode())
        request.add_header("Authorization", "Basic " + base64.b64encode(self.cookie.read_bytes()).decode())
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from None

    def add(self, blocks: Sequence[Block]) -> None:
        """Give it blocks, which it validates."""
        for block in blocks:
            assert self.call("submitblock", block.serialized.hex()) in (None, "inconclusive", "duplicate")

    def files(self, **options: Any) -> FileChain:
        return FileChain(self.datadir, REGTEST, **options)

    def by(self, transport: str) -> Rpc | Rest:
        return Rpc(self.url, REGTEST, self.cookie) if transport == "rpc" else Rest(self.url, REGTEST)


@pytest.fixture
def core(tmp_path) -> Iterator[Core]:
    program = os.environ.get("FLOWHOUSE_BITCOIND") or shutil.which("bitcoind")
    if program is None:
        pytest.skip("there is no bitcoind: put it on the PATH, or name it in FLOWHOUSE_BITCOIND")
    core = Core(program, tmp_path / "core")
    yield core
    core.kill()
