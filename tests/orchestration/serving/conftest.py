"""Fixtures of a running `serve`."""

from collections.abc import Callable, Iterator

import pytest
from served import Served


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Served]]:
    """Start `serve` on a home, which the test's end stops."""
    started: list[Served] = []

    def start(**options: object) -> Served:
        started.append(Served(tmp_path / "home", **options))
        return started[-1]

    yield start
    for served in started:
        served.stop()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """One `serve` for all tests that only ask."""
    served = Served(tmp_path_factory.mktemp("served") / "home")
    yield served
    served.stop()
