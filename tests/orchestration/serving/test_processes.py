"""What `serve` refuses before it starts anything, and what it shows of its processes."""

import os
import socket
import sys
import time

import pytest
from filelock import FileLock
from pydantic import SecretStr

from ingestion.errors import UsageError
from orchestration.errors import ServeFailed
from orchestration.serving import processes as processes_module
from orchestration.serving.processes import Processes
from orchestration.serving.serve import Listen, secrets
from orchestration.settings import Alerts, BitcoinNode, EvmProvider, Publishers, Settings

PRINTS = """
print("2026-01-05 06:00:00 +0000 - dagster - DEBUG - refresh - RUN_START")
print("and what belongs to it")
print("\\x1b[32m2026-01-05 06:00:01 +0000\\x1b[0m - dagster - \\x1b[34mERROR\\x1b[0m - refused key-of-the-node")
print("with a traceback")
"""


@pytest.fixture
def python():
    """Run a program under `Processes` to its end; returns the lines shown."""

    def run(program: str, *secrets: str) -> list[str]:
        lines: list[str] = []
        with Processes(dict(os.environ), lines.append, secrets) as processes:
            processes.finish(processes.start("A program", [sys.executable, "-c", program]), 30)
        return lines

    return run


def test_only_records_that_say_something_is_wrong_are_shown_without_secrets_and_colours(python):
    error = "2026-01-05 06:00:01 +0000 - dagster - ERROR - refused …"
    assert python(PRINTS, "key-of-the-node") == [error, "with a traceback"]


def test_a_program_that_fails_ends_all_with_its_last_words(python):
    with pytest.raises(ServeFailed, match=r"^A program ended by itself \(exit code 3\): no such file$"):
        python("import sys; print('no such file'); sys.exit(3)")


def test_a_program_that_is_kept_starts_again_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr(processes_module, "RESTART_SECONDS", 0.1)
    lines: list[str] = []
    deadline = time.monotonic() + 30
    with Processes(dict(os.environ), lines.append) as processes:
        other = processes.start("Another", [sys.executable, "-c", "import time; time.sleep(60)"])
        processes.keep("A program", [sys.executable, "-c", "print('a full disk'); raise SystemExit(1)"])
        while lines.count("a full disk") < 3 and time.monotonic() < deadline:
            processes.wait(1)
        assert other.popen.poll() is None
    assert lines.count("a full disk") == 3
    assert "A program ended by itself (exit code 1): a full disk; it starts again in 0 s." in lines


def test_every_secret_of_the_settings_is_known():
    settings = Settings(
        bitcoin={"main": BitcoinNode(password=SecretStr("of-the-node"))},
        evm={"ethereum": EvmProvider(rpc=(SecretStr("https://rpc.example/v2/key-of-the-provider"),))},
        publishers=Publishers(coinglass_key=SecretStr("key-of-a-vendor")),
        alerts=Alerts(urls=(SecretStr("mailto://me:password-of-mail@example.com"),)),
        rpc_password=SecretStr("of-the-command-line"),
    )
    expected = {"of-the-node", "key-of-the-provider", "key-of-a-vendor", "password-of-mail", "of-the-command-line"}
    assert expected <= set(secrets(settings))
    assert "" not in secrets(settings)


def test_a_port_that_is_taken_is_said_before_anything_is_started(flowhouse, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = flowhouse("serve", "--home", tmp_path, "--port", port)
    assert result.exit_code == 2
    assert result.output == f"flowhouse: Port {port} is taken: end the other program, or name another with --port.\n"
    assert not (tmp_path / "build/dagster").exists()


def test_a_home_is_served_once(flowhouse, tmp_path):
    (tmp_path / "build").mkdir()
    with FileLock(tmp_path / "build/serve.lock"):
        result = flowhouse("serve", "--home", tmp_path, "--port", 0)
    assert result.exit_code == 2
    assert result.output == f"flowhouse: Another `flowhouse serve` runs on {tmp_path}: end it first.\n"


def test_a_name_from_outside_is_added_to_those_of_loopback():
    assert Listen(3000).hosts(3000) == ["127.0.0.1:3000", "localhost:3000", "[::1]:3000"]
    assert Listen(3000, public=("Desk.lan:8080",)).hosts(3000)[:2] == ["desk.lan:8080", "127.0.0.1:3000"]


@pytest.mark.parametrize("host", ["http://desk.lan", "desk.lan/", "*", "", "desk.lan:port"])
def test_a_name_that_no_browser_sends_is_refused(host):
    with pytest.raises(UsageError, match="is no host"):
        Listen(3000, public=(host,))
