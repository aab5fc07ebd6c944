"""The labels of the user's folder of TagPacks as rows of entities, read again where something they come from changed.

Half a million tags take 23 s of CPU to read, and 0.1 s to find unchanged.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin import addresses
from ingestion.bitcoin.networks import NETWORKS
from orchestration import seeds, tagpacks
from orchestration.configuration import cells, labels
from orchestration.seeds import Row

if TYPE_CHECKING:
    from ingestion.lake.tables import Lake
    from orchestration.settings import Settings

LOG = logging.getLogger("flowhouse")
RECORD = "tagpacks.json"
CODE = (addresses, cells, labels, tagpacks)


@dataclass(frozen=True)
class Reading:
    """What a folder of TagPacks came to.

    Attributes:
        inputs: digest of all that the tags come from.
        failures: a sentence for each pack that cannot be read.
        refused: how many tags of other packs do not fit.
        contradicted: on how many addresses tags contradict each other.
        table: digest of the lake's table that holds the tags.
    """

    inputs: str
    failures: tuple[str, ...]
    refused: int
    contradicted: int
    table: str | None = None


def digest(settings: Settings, own: Sequence[Row]) -> str:
    """Digest of the packs, of the rows that stand above tags, of the networks and of the code that reads them.

    Raises:
        UsageError: the folder cannot be read.
    """
    found = hashlib.sha256(repr([_networks(settings), seeds.read("entities"), own]).encode())
    for path in (*(Path(str(module.__file__)) for module in CODE), *_packs(settings)):
        found.update(f"\n{path}\n".encode())
        if not path.is_file() or path.stat().st_size <= tagpacks.MAX_BYTES:
            found.update(path.read_bytes())
    return found.hexdigest()


def read(settings: Settings, own: Sequence[Row], inputs: str) -> tuple[list[Row], Reading]:
    """The tags as rows, beside the project's and the user's own, which stand above them.

    Raises:
        UsageError: the folder cannot be read.
    """
    packs = [tagpacks.read(path, _networks(settings)) for path in _packs(settings)]
    rows, contradicted = tagpacks.merge(packs, (*seeds.read("entities"), *own))
    failures = tuple(f"{pack.problems[0]} The pack is left out." for pack in packs if not pack.is_read)
    refused = sum(len(pack.problems) for pack in packs if pack.is_read)
    return rows, Reading(inputs, failures, refused, contradicted)


def kept(lake: Lake, source: str) -> Reading | None:
    """The reading whose tags the lake's table holds; None where there is none, or the table is another."""
    try:
        fields = json.loads(lake.read_record(source, RECORD) or "")
        reading = Reading(**fields | {"failures": tuple(fields["failures"])})
    except (ValueError, TypeError, KeyError):
        return None
    return reading if reading.table == lake.digest(source, "entities") else None


def keep(lake: Lake, source: str, reading: Reading) -> None:
    """Record a reading, whose tags the lake's table holds by now."""
    fields = asdict(reading) | {"table": lake.digest(source, "entities")}
    lake.write_record(source, RECORD, json.dumps(fields))


def warn(settings: Settings, reading: Reading) -> None:
    """Say how many tags are left out."""
    if reading.refused or reading.contradicted:
        said = f"{reading.refused:,} tags that do not fit, and {reading.contradicted:,} addresses whose tags contradict"
        command = "`flowhouse labels check` lists them"
        LOG.warning("%s: %s each other, are left out: %s.", settings.seeds.tagpacks, said, command)


def _packs(settings: Settings) -> list[Path]:
    return tagpacks.files(settings.seeds.tagpacks) if settings.seeds.tagpacks else []


def _networks(settings: Settings) -> list[str]:
    return sorted({*settings.account_chains, *NETWORKS})
