"""A real node for tests: anvil from npm, started on a free port of this machine, and contracts written in mnemonics."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import requests
from filelock import FileLock

PACKAGE = "@foundry-rs/anvil@1.7.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowhouse" / PACKAGE.replace("/", "-")
SENDER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
"""The first of the accounts that anvil unlocks."""
GENESIS_TIME = 1_577_836_800
"""2020-01-01."""

OPCODES = {
    "stop": 0x00,
    "add": 0x01,
    "sub": 0x03,
    "eq": 0x14,
    "shr": 0x1C,
    "calldataload": 0x35,
    "calldatasize": 0x36,
    "calldatacopy": 0x37,
    "pop": 0x50,
    "mstore": 0x52,
    "sload": 0x54,
    "sstore": 0x55,
    "jump": 0x56,
    "jumpi": 0x57,
    "jumpdest": 0x5B,
    "dup1": 0x80,
    "dup2": 0x81,
    "dup3": 0x82,
    "swap1": 0x90,
    "log1": 0xA1,
    "log3": 0xA3,
    "log4": 0xA4,
    "return": 0xF3,
}

TOKEN = """
    calldatasize 4 eq @supply jumpi             ; totalSupply() has a selector only
    calldatasize 36 eq @balance jumpi           ; balanceOf(address) has an argument too
    0                                           ; else: triples of (from, to, value), 96 bytes each
  loop:
    dup1 calldatasize eq @end jumpi
    dup1 64 add calldataload                    ; value
    dup2 calldataload                           ; from
    dup2 dup2 sload sub dup2 sstore             ; balance[from] -= value
    dup2 0 mstore
    swap1 pop                                   ; from, at
    dup2 32 add calldataload                    ; to, from, at
    dup3 64 add calldataload                    ; value, to, from, at
    dup2 sload add dup2 sstore                  ; balance[to] += value
    swap1 #ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef 32 0 log3
    96 add @loop jump
  end:
    stop
  supply:
    0 sload 0 sub 0 mstore 32 0 return          ; what the zero address gave out
  balance:
    4 calldataload sload 0 mstore 32 0 return
"""
OWNER_SLOT, SUPPLY_SLOT = 254, 255
TETHER = """
    calldatasize 4 eq @view jumpi
    calldatasize 36 eq @balance jumpi
    calldatasize 96 eq @transfer jumpi          ; else: what to do, and an amount or an address
    0 calldataload 1 eq @issue jumpi
    0 calldataload 2 eq @redeem jumpi
    0 calldataload 3 eq @destroy jumpi
    32 calldataload 254 sstore stop             ; transferOwnership
  view:
    0 calldataload 224 shr #18160ddd eq @supply jumpi
    254 sload 0 mstore 32 0 return
  supply:
    255 sload 0 mstore 32 0 return
  balance:
    4 calldataload sload 0 mstore 32 0 return
  transfer:                                     ; from, to, value; nothing is special about the zero address
    64 calldataload dup1 0 mstore
    0 calldataload dup2 dup2 sload sub dup2 sstore
    32 calldataload dup3 dup2 sload add dup2 sstore
    swap1 #ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef 32 0 log3 stop
  issue:
    32 calldataload dup1 0 mstore
    254 sload dup2 dup2 sload add dup2 sstore pop
    255 sload add 255 sstore
    #cb8241adb0c3fdb35b70c24ce35c5eb0c17af7431c99f827d44a445ca624176a 32 0 log1 stop
  redeem:
    32 calldataload dup1 0 mstore
    254 sload dup2 dup2 sload sub dup2 sstore pop
    255 sload sub 255 sstore
    #702d5967f45f6513a38ffc42d6ba9bf230bd40e8f53b16363c7eb4fd2deb9a44 32 0 log1 stop
  destroy:
    32 calldataload dup1 0 mstore
    dup1 sload dup1 32 mstore
    255 sload sub 255 sstore
    0 swap1 sstore
    #61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6 64 0 log1 stop
"""
TELLER = """
    0 calldataload 1 eq @one jumpi              ; the number of topics, the topics, the data
    0 calldataload 3 eq @three jumpi
    160 dup1 calldatasize sub dup1 160 0 calldatacopy pop
    128 calldataload 96 calldataload 64 calldataload 32 calldataload
    160 calldatasize sub 0 log4 stop
  one:
    64 calldatasize sub 64 0 calldatacopy
    32 calldataload 64 calldatasize sub 0 log1 stop
  three:
    128 calldatasize sub 128 0 calldatacopy
    96 calldataload 64 calldataload 32 calldataload
    128 calldatasize sub 0 log3 stop
"""


def assemble(source: str) -> str:
    """Bytecode of mnemonics; `12` pushes a byte, `#…` up to 32 bytes, `@name` the place of a `name:`."""
    words = [word for line in source.splitlines() for word in line.split(";")[0].split()]
    code, places = bytearray(), {}
    for word in words:
        if word.endswith(":"):
            places[word[:-1]] = len(code)
            code.append(OPCODES["jumpdest"])
        elif word.startswith("#"):
            code += b"\x7f" + bytes.fromhex(word[1:].rjust(64, "0"))
        elif word in OPCODES:
            code.append(OPCODES[word])
        else:
            code += b"\x61\0\0" if word.startswith("@") else b"\x60" + bytes([int(word)])
    at = 0
    for word in words:  # now that all places are known
        if word.startswith("@"):
            code[at + 1 : at + 3] = places[word[1:]].to_bytes(2, "big")
        is_one_byte = word in OPCODES or word.endswith(":")
        at += 1 if is_one_byte else {"#": 33, "@": 3}.get(word[0], 2)
    return "0x" + code.hex()


def missing() -> str | None:
    """Why anvil cannot run here; None where it can, after installing it if needed."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "node and npm are not installed, from which anvil comes"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "lock"):
        if not _binaries():
            command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(CACHE), PACKAGE]
            subprocess.run(command, capture_output=True, check=False, timeout=120)
    return None if _binaries() else f"{PACKAGE} could not be installed from npm"


def _binaries() -> list[Path]:
    return sorted(CACHE.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*"))


class Anvil:
    """A running node that mines only on request."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = ["--port", str(port), "--no-mining", "--order", "fifo", "--timestamp", str(GENESIS_TIME)]
        options += ["--gas-limit", "3000000000", "--base-fee", "0", "--gas-price", "0", "--hardfork", "cancun"]
        self._process = subprocess.Popen([_binaries()[0], *options], stdout=subprocess.DEVNULL)
        self._session = requests.Session()
        self._sent = 0
        self.time = GENESIS_TIME
        self._wait()

    def _wait(self) -> None:
        for _ in range(200):
            try:
                self.rpc("eth_chainId")
                return
            except requests.ConnectionError:
                time.sleep(0.02)
        raise TimeoutError("anvil did not start")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of a call."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self._session.post(self.url, json=call).json()
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def set_code(self, address: str, source: str) -> None:
        self.rpc("anvil_setCode", address, assemble(source))

    def mine(self, seconds: int = 12) -> None:
        """Mine what was sent since the last block, `seconds` after it."""
        self.time += seconds
        self.rpc("evm_mine", self.time)
        mined = self.rpc("eth_getBlockByNumber", "latest", False)["transactions"]
        assert len(mined) == self._sent
        self._sent = 0

    def skip(self, blocks: int) -> None:
        """Mine empty blocks."""
        self.rpc("anvil_mine", hex(blocks), hex(12))
        self.time = int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def cut(self, blocks: int) -> None:
        """Take the newest blocks away."""
        self.rpc("anvil_rollback", blocks)
        self.time = int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def move(self, token: str, *moves: tuple[str, str, int]) -> None:
        """Send transfers, (from, to, value) each, in one transaction."""
        self.send(token, "".join(f"{int(a, 16):064x}{int(b, 16):064x}{value:064x}" for a, b, value in moves))

    def tell(self, teller: str, topics: list[str], *words: int) -> None:
        """Send an event: topics and words of data."""
        data = [len(topics), *(int(topic, 16) for topic in topics), *words]
        self.send(teller, "".join(f"{word % 2**256:064x}" for word in data))

    def send(self, to: str, data: str, sender: str = SENDER) -> None:
        transaction = {"from": sender, "to": to, "data": "0x" + data, "gas": hex(15_000_000), "gasPrice": "0x0"}
        self.rpc("eth_sendTransaction", transaction)
        self._sent += 1
