"""A `serve` of a small code location, as its own process, and what a client sees of it."""

import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
SECRET = "hunter2-of-the-node"
START_SECONDS = 90
"""On a quiet machine it takes 6 s."""


class Served:
    """A running `serve` on a free port, of the small definitions or of those of the project."""

    def __init__(self, home: Path, is_small: bool = True, **options: object) -> None:
        self.home = home
        self.log = home.parent / f"{home.name}.log"
        flowhouse = [Path(sys.executable).with_name("flowhouse"), "serve", "--home", home, "--port", "0"]
        command = [sys.executable, HERE / "serve_small.py", home, "0"] if is_small else flowhouse
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **options)
        self.wait_for(lambda: "serves" in self.output or self.process.poll() is not None, START_SECONDS)
        address = re.search(r"http://127\.0\.0\.1:(\d+)", self.output)
        assert address, self.output
        self.port = int(address[1])
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"

    @property
    def output(self) -> str:
        return self.log.read_text()

    def request(self, method: str, path: str, body: str | None = None, **headers: str) -> http.client.HTTPResponse:
        """A request as written: Host, unless it is given, is the server's own; a _ in a header's name is a -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": self.host} | headers).items():
            connection.putheader(name.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() if body is not None else None)
        return connection.getresponse()

    def query(self, query: str) -> dict:
        answer = self.request("POST", "/graphql", json.dumps({"query": query}), Content_Type="application/json")
        return json.loads(answer.read())["data"]

    def runs(self) -> dict[str, str]:
        """Status by run."""
        results = self.query("{ runsOrError { ... on Runs { results { runId status } } } }")["runsOrError"]["results"]
        return {run["runId"]: run["status"] for run in results}

    def launch(self, job: str) -> str:
        return self.query(launch(job))["launchRun"]["run"]["runId"]

    def wait_for(self, is_done: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGTERM) -> tuple[float, int]:
        """How many seconds it took to end, and the exit code."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return time.monotonic() - began, code

    def processes(self) -> set[int]:
        """It and all that it started, however deep."""
        found, new = set(), {self.process.pid}
        while new:
            found |= new
            new = {pid for pid, parent in parents().items() if parent in found} - found
        return found


def launch(job: str) -> str:
    """A mutation that launches a job."""
    selector = f'{{repositoryLocationName: "flowhouse", repositoryName: "__repository__", jobName: "{job}"}}'
    result = "... on LaunchRunSuccess { run { runId } } ... on PythonError { message }"
    return f'mutation {{ launchRun(executionParams: {{selector: {selector}, mode: "default"}}) {{ {result} }} }}'


def parents() -> dict[int, int]:
    """Parent by process id, of all processes that have not ended."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], check=True, capture_output=True, text=True).stdout
    rows = (line.split() for line in listed.splitlines())
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}
