"""Which addresses of a network are watched, whose they are, and from which block on that is so."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import polars as pl

from ingestion.bitcoin.networks import Network
from ingestion.bitcoin.rows import WATCHED_SINCE

Watched = Mapping[str, str | None]
"""Addresses, as `addresses.canonical` writes them, each with its entity; None where it is of none that is known."""
NOTHING: Watched = MappingProxyType({})


def watched_since(watched: Watched, network: Network, first_height: int, before: pl.DataFrame) -> pl.DataFrame:
    """From which height on each address is watched without a gap, and each entity with these very addresses.

    Args:
        watched: the addresses.
        network: the network.
        first_height: of the first block that is read with them.
        before: what stood so far, rows of WATCHED_SINCE.

    Returns:
        rows of WATCHED_SINCE by address.
    """
    heights = dict(before.select("address", "address_height").iter_rows())
    of_entities = dict(before.select("entity", "entity_height").iter_rows())
    former, present = (_members(rows) for rows in (before.select("address", "entity").iter_rows(), watched.items()))

    def height_of(entity: str | None) -> int | None:
        if entity is None:
            return None
        return of_entities[entity] if former.get(entity) == present[entity] else first_height

    rows = [
        (network.asset, network.name, address, entity, heights.get(address, first_height), height_of(entity))
        for address, entity in sorted(watched.items())
    ]
    return pl.DataFrame(rows, schema=WATCHED_SINCE, orient="row")


def _members(rows: Iterable[tuple[str, str | None]]) -> dict[str, set[str]]:
    """The addresses of each entity."""
    found: dict[str, set[str]] = {}
    for address, entity in rows:
        if entity is not None:
            found.setdefault(entity, set()).add(address)
    return found
