"""Synthetic pages of fund flows, and the archive they are stored in."""

from datetime import date, datetime
from pathlib import Path

from ingestion.archive import Archive, Served

FUNDS = ["IBIT", "FBTC", "BITB", "ARKB", "BTCO", "EZBC", "BRRR", "HODL", "BTCW", "GBTC", "BTC"]
FIRST = datetime(2025, 10, 7, 6)


def put_page(folder: Path, fetched_at: datetime, content: bytes, source="farside", resource="btc", ext="html") -> None:
    url = f"https://example.org/{resource}"
    Archive(folder).put(source, resource, Served(url, content, fetched_at), ext)


def flows(day: date, *, funds: list[str] = FUNDS, first: str | None = "10.0") -> tuple:
    """A day on which the first fund has a figure (or none) and every other one 0.0."""
    return day, [first, *["0.0"] * (len(funds) - 1)], first or "0.0"
