"""An account chain's provider through the command line: what doctor finds of it, and what status says of its chain."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingestion.evm import ingest
from ingestion.evm.node import Node
from ingestion.sample import load, tokens
from orchestration.home import Home

KEY = "sEcr3tK3y0123456789"


class Served:
    """The sample's node behind HTTP on this machine."""

    def __init__(self) -> None:
        self.provider = provider = tokens.Provider(tokens.chain())

        def answer(call: dict) -> dict:
            return provider.answer(call["method"], call["params"]) | {"id": call["id"]}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(
                    [answer(each) for each in asked] if isinstance(asked, list) else answer(asked)
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v2/{KEY}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,)).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def served(monkeypatch) -> Iterator[Served]:
    served = Served()
    monkeypatch.setenv("FLOWHOUSE_EVM_RPC_URL", served.url)
    yield served
    served.close()


def test_doctor_says_which_chain_a_provider_serves_and_shows_no_key(flowhouse, served, tmp_path):
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 0, result.output
    tip = len(served.provider.chain.blocks) - 1
    assert f"anvil up to block {tip:,}, finalized up to {tip - served.provider.chain.not_final:,}" in result.output
    assert KEY not in result.output


def test_doctor_says_when_no_provider_is_set(flowhouse, monkeypatch, tmp_path):
    monkeypatch.delenv("FLOWHOUSE_EVM_RPC_URL", raising=False)
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 1
    assert "put its address into FLOWHOUSE_EVM_RPC_URL" in result.output


def test_doctor_says_when_a_provider_is_of_a_chain_nobody_reads(flowhouse, served, tmp_path):
    served.provider.chain_id = 424_242
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 1
    assert "FAIL  The provider serves the chain with id 424242" in result.output


def test_doctor_says_when_a_provider_lacks_what_the_home_holds(flowhouse, served, tmp_path):
    held = tokens.chain()
    ingest.from_node(Home(tmp_path).lake, Node(tokens.Provider(held)), tokens.WATCHED)
    served.provider.chain.blocks[len(held.blocks) - 1 - held.not_final :] = []
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 1
    assert "let the node catch up" in result.output


def test_the_samples_chain_is_no_users_own(flowhouse, served, tmp_path):
    lake = Home(tmp_path).lake
    lake.mark_as_sample()
    load.read_event_chain(lake)
    chain = served.provider.chain
    chain.blocks[len(chain.blocks) - 1 - chain.not_final :] = []
    result = flowhouse("doctor", "--evm", "--home", tmp_path)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in flowhouse("status", "--home", tmp_path).output.splitlines() if "anvil" in line]
    assert line.split()[:2] == ["anvil", "sample"]


def test_status_shows_the_chain_that_is_held(flowhouse, served, tmp_path):
    assert flowhouse("ingest", "evm", "--home", tmp_path).exit_code == 0
    chain = served.provider.chain
    tip = len(chain.blocks) - 1
    (line,) = [line for line in flowhouse("status", "--home", tmp_path).output.splitlines() if "anvil" in line]
    newest = ingest.Node(served.provider).header(tip).block.date
    assert line.split() == ["anvil", "rpc", "1", f"{tip:,}", f"{newest}", f"{tip - chain.not_final:,}"]
