"""Fixtures of several commands' tests."""

from datetime import date
from pathlib import Path

import pytest
from flow_pages import FIRST, FUNDS, flows, put_page

from ingestion.sample.pages import flow_page


@pytest.fixture
def replay(tmp_path) -> Path:
    """An archive folder with one short page of two days."""
    folder = tmp_path / "replay"
    put_page(folder, FIRST, flow_page(FUNDS, [flows(date(2025, 10, 3)), flows(date(2025, 10, 6))]))
    return folder
