"""What holds for all tests: Hypothesis sets its examples no deadline, since they run side by side on busy machines."""

import os
import signal

import pytest
from hypothesis import settings

# A shell has what it starts in the background ignore SIGINT, and Dagster gives SIGTERM the same handler: processes that
# later tests start would inherit that, and not end.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST = (
    *("test_soak.py", "test_partial.py", "test_build.py", "test_chains_served.py", "test_chains_scheduled.py"),
    *("test_pipeline.py", "test_integrity.py", "test_report.py", "test_tokens.py", "test_sql_page.py", "test_desk.py"),
    *("test_serve.py", "test_recorded.py", "test_gather.py", "test_definitions.py", "test_chains_killed.py"),
    *("test_funds.py", "test_wheel.py", "test_unit_tests.py", "test_token_lots.py", "test_chains.py"),
)
"""One to eight minutes each, the longest first: begun last, they would keep one process busy while others idle."""

settings.register_profile("flowhouse", deadline=None)
settings.load_profile("flowhouse")


def pytest_xdist_auto_num_workers() -> int:
    """A process more than there are cores: tests of schedules and servers wait for a quarter of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def s3_running():
    import s3_server  # moto takes a second to import

    with s3_server.serve() as running:
        yield running


@pytest.fixture
def s3(s3_running, monkeypatch):
    """An S3 server on loopback with an empty bucket, to which the variables of this process lead."""
    s3_running.reset()
    for name, value in s3_running.variables.items():
        monkeypatch.setenv(name, value)
    return s3_running
