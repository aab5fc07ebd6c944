"""The archive: what publishers served, byte for byte, with its provenance beside it.

    <root>/<source>/<resource>/<YYYYMMDDTHHMMSSZ>.<ext>
    <root>/<source>/<resource>/<YYYYMMDDTHHMMSSZ>.meta.json

Files are written once and never changed. A folder in this shape can be replayed instead of the network.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from ingestion import durable
from ingestion.errors import ArchiveDamaged

STAMP = "%Y%m%dT%H%M%SZ"
META_SUFFIX = ".meta.json"
TOGETHER_BYTES, TOGETHER_FILES = 32 * 1024**2, 500
"""How much of another archive is brought to disk at once."""


@dataclass(frozen=True)
class Served:
    """What a publisher answered: `content` from `url` at `fetched_at` (UTC, without zone)."""

    url: str
    content: bytes
    fetched_at: datetime


@dataclass(frozen=True)
class Capture:
    """Provenance of one archived file; the fields are those of its `.meta.json`, `is_sample` only where true."""

    source: str
    resource: str
    url: str
    fetched_at: datetime
    file: str
    bytes: int
    sha256: str
    origin: str
    note: str = ""
    is_sample: bool = False

    @property
    def order(self) -> tuple[datetime, str]:
        """Captures are read in this order, however they arrived."""
        return self.fetched_at, self.sha256

    def to_json(self) -> str:
        fields = asdict(self) | {"fetched_at": self.fetched_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if not self.is_sample:
            del fields["is_sample"]
        return json.dumps(fields, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        fetched_at = datetime.fromisoformat(fields.pop("fetched_at"))
        if fetched_at.tzinfo is None:
            raise ValueError("fetched_at has no zone")
        known = {name: fields[name] for name in cls.__dataclass_fields__ if name in fields}
        for name, value in known.items():
            if not isinstance(value, cls.__dataclass_fields__[name].type):
                raise ValueError(f"{name} is {value!r}")
        return cls(fetched_at=fetched_at.astimezone(UTC).replace(tzinfo=None), **known)


class Archive:
    """Captures below one folder: those of the bundled sample, or all others."""

    def __init__(self, root: Path, is_sample: bool = False):
        self.root = root
        self.is_sample = is_sample

    def put(
        self, source: str, resource: str, served: Served, ext: str, origin: str = "served", note: str = ""
    ) -> Capture:
        """File what was served and return its provenance.

        Bytes equal to those already filed at that second are not filed again; other bytes from the
        same second move on to the next free one, so that nothing is overwritten.
        """
        sha256 = hashlib.sha256(served.content).hexdigest()
        fetched_at = served.fetched_at.replace(microsecond=0)
        folder = self.root / source / resource
        while (meta := folder / (fetched_at.strftime(STAMP) + META_SUFFIX)).exists():
            filed = _read_meta(meta)
            if filed.sha256 == sha256:
                return filed
            fetched_at += timedelta(seconds=1)
        capture = Capture(
            source=source,
            resource=resource,
            url=served.url,
            fetched_at=fetched_at,
            file=f"{fetched_at.strftime(STAMP)}.{ext}",
            bytes=len(served.content),
            sha256=sha256,
            origin=origin,
            note=note,
            is_sample=self.is_sample,
        )
        self._file([_Filing(capture, served.content, capture.to_json().encode())])
        return capture

    def captures(self, source: str, known: frozenset[tuple[str, str]] = frozenset()) -> tuple[list[Capture], list[str]]:
        """Every capture of a source whose (resource, file stem) is not among `known`, in no particular order.

        Beside them a sentence for each `.meta.json` that cannot be read, whose kind nobody knows.
        """
        found, damaged = [], []
        for meta in sorted((self.root / source).glob("*/*" + META_SUFFIX)):
            if (meta.parent.name, meta.name.removesuffix(META_SUFFIX)) in known:
                continue
            try:
                capture = _read_meta(meta)
            except ArchiveDamaged as error:
                damaged.append(str(error))
                continue
            if capture.is_sample == self.is_sample:
                found.append(capture)
        return found, damaged

    def read(self, capture: Capture) -> bytes:
        """The bytes of a capture.

        Raises:
            ArchiveDamaged: the file is missing, or its bytes do not have the filed sha256.
        """
        path = self.root / capture.source / capture.resource / capture.file
        where = f"{capture.source}/{capture.resource}/{capture.file}"
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise ArchiveDamaged(f"{where} is named by its meta.json but is not there: restore the file.") from None
        except OSError as error:
            raise ArchiveDamaged(
                f"{where} cannot be read ({error.strerror}): get read access, or restore it."
            ) from None
        if hashlib.sha256(content).hexdigest() != capture.sha256:
            raise ArchiveDamaged(
                f"{where} does not have the sha256 of its meta.json ({len(content)} bytes, {capture.bytes} expected):"
                " restore the file or remove both."
            )
        return content

    def notes(self, source: str, suffix: str) -> list[tuple[str, str]]:
        """Small records beside captures, as (`resource/stamp`, text), in the order of their names."""
        paths = sorted((self.root / source).glob(f"*/*{suffix}"))
        return [
            (f"{path.parent.name}/{path.name.removesuffix(suffix)}", path.read_text(errors="replace"))
            for path in paths
            if path.is_file()
        ]

    def put_note(self, source: str, capture: str, suffix: str, text: str) -> None:
        """Put a small record beside a capture, in place of the one that was there."""
        durable.write({self.root / source / f"{capture}{suffix}": text.encode()})

    def names(self, source: str) -> set[tuple[str, str]]:
        """The captures that are there, as (resource, stamp)."""
        metas = (self.root / source).glob("*/*" + META_SUFFIX)
        return {(meta.parent.name, meta.name.removesuffix(META_SUFFIX)) for meta in metas}

    def copy_from(self, other: "Archive", source: str) -> Iterator[str]:
        """Copy a source's captures of both kinds that are not here yet; yields a sentence for each it cannot.

        A capture whose bytes are missing over there is copied by its provenance alone, so that reading it names it. One
        of the sample here, which can be made again, gives way to one of the same second that is not.
        """
        filings: list[_Filing] = []
        for meta in sorted((other.root / source).glob("*/*" + META_SUFFIX)):
            held = self.root / source / meta.parent.name / meta.name
            try:
                capture = _read_meta(meta)
                filed = _read_meta(held) if held.exists() else None
                if filed is None or (filed.is_sample and not capture.is_sample):
                    filings.append(_filing(meta, capture))
                elif filed.sha256 != capture.sha256:
                    where = f"{source}/{capture.resource}/{capture.file}"
                    yield f"{where} is filed here with other bytes of the same second: replay in another home."
            except ArchiveDamaged as error:
                yield str(error)
            if len(filings) == TOGETHER_FILES or sum(len(each.content or b"") for each in filings) >= TOGETHER_BYTES:
                self._file(filings)
                filings = []
        self._file(filings)

    def _file(self, filings: "Sequence[_Filing]") -> None:
        """All bytes first and the provenance last: a capture without its meta.json does not exist."""
        folders = [self.root / each.capture.source / each.capture.resource for each in filings]
        named = list(zip(folders, filings, strict=True))
        durable.write({folder / each.capture.file: each.content for folder, each in named if each.content is not None})
        durable.write({folder / (Path(each.capture.file).stem + META_SUFFIX): each.record for folder, each in named})


@dataclass(frozen=True)
class _Filing:
    """A capture to be filed: its bytes, None where they are missing, and those of its provenance record."""

    capture: Capture
    content: bytes | None
    record: bytes


def _filing(meta: Path, capture: Capture) -> _Filing:
    data = meta.parent / capture.file
    try:
        return _Filing(capture, data.read_bytes() if data.is_file() else None, meta.read_bytes())
    except OSError as error:
        raise ArchiveDamaged(f"{error.filename} cannot be read ({error.strerror}): get read access to it.") from None


def _read_meta(path: Path) -> Capture:
    where = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    try:
        capture = Capture.from_json(path.read_text())
    except Exception as error:  # whatever somebody put there
        raise ArchiveDamaged(f"{where} is not a provenance record ({error}): repair or remove it.") from None
    stem, _, ext = capture.file.partition(".")
    if f"{capture.source}/{capture.resource}/{stem}{META_SUFFIX}" != where or not ext.isalnum():
        raise ArchiveDamaged(f"{where} describes another file than the one beside it: repair or remove it.")
    return capture
