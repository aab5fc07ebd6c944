"""The ways to gather captures. A home is brought up to date in one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from ingestion.archive import Served


@dataclass(frozen=True)
class Live:
    """From publishers, who see `contact` (it may be empty), and the user's key where they ask for one.

    Attributes:
        keys: by the name of their publisher.
        instances: addresses of the user's own instances of what publishers serve, by the name of the source.
    """

    name: ClassVar[Literal["live"]] = "live"
    contact: str
    keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    instances: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Replay:
    """From an archive folder, which is copied into the home's archive."""

    name: ClassVar[Literal["replay"]] = "replay"
    folder: Path


@dataclass(frozen=True)
class Sample:
    """From the bundled sample."""

    name: ClassVar[Literal["sample"]] = "sample"


@dataclass(frozen=True)
class UserUpload:
    """From a user's own file, to be filed below the folder `resource` of its source, with a note on its provenance."""

    name: ClassVar[Literal["file"]] = "file"
    resource: str
    served: Served
    note: str


@dataclass(frozen=True)
class Held:
    """From nowhere: what the home holds is read again."""

    name: ClassVar[Literal["held"]] = "held"


IngestMode = Live | Replay | Sample | UserUpload | Held
