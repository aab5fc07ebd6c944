"""TagPacks, GraphSense's files of labels, read from a folder that the user fetched.

A pack is YAML: a header (title, creator), which also holds what all its tags share, and a list `tags`
(github.com/graphsense/graphsense-tagpack-tool, tagpack_schema.yaml). It is read event by event, every scalar a text:
nothing in it is executed, no alias is followed, and no address becomes a number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ingestion.errors import UsageError
from orchestration.configuration.cells import Place, RowRefused, address_on, day
from orchestration.configuration.labels import ENTITY_KINDS, UNCLASSIFIED
from orchestration.seeds import Row

KINDS = {
    **{kind: kind for kind in ENTITY_KINDS},
    **{"defi_bridge": "bridge", "defi_dex": "pool", "defi_lending": "pool", "hosted_wallet": "wallet_service"},
}
"""Kinds by the category that a tag names; any other is unclassified."""
NETWORKS_BY_CODE = {"BTC": "main", "ETH": "ethereum"}

LICENCE_TEXTS = {
    "MIT License": "MIT",
    "Permission is hereby granted, free of charge": "MIT",
    "Apache License": "Apache-2.0",
    "CC0 1.0 Universal": "CC0-1.0",
    "Creative Commons Attribution 4.0": "CC-BY-4.0",
    "Creative Commons Attribution-ShareAlike 4.0": "CC-BY-SA-4.0",
    "Open Database License": "ODbL-1.0",
}

ORIGIN, CONFLICT = "tagpack", "conflict"
"""Of a row that is a tag; and its verdict where others name another owner."""

MAX_BYTES = 32 * 2**20
"""Of one pack."""
MAX_PACKS = 10_000
MAX_TEXT = 500
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Events of the C parser take a fifteenth of the time of the Python one's."""

Fields = dict[str, tuple[str, ...]]
"""Texts by name: one of a scalar, several of a list, none of what is nested or an alias."""
OTHER_FILES = ("actors", "baseURI")
"""What names the other YAML files of a repository of TagPacks: packs of actors, and its configuration."""


@dataclass
class Pack:
    """A TagPack as far as it can be read.

    Attributes:
        path: its file.
        tags: rows as of the seed entities, each with its place.
        problems: why the pack, or a tag of it, is left out.
        elsewhere: how many tags are of other networks, of no address, or of an abuse without an actor: all
            addresses of phishing are no holder.
        is_read: whether it is a pack that could be read to its end; tags of any other are left out.
    """

    path: Path
    tags: list[tuple[Place, Row]] = field(default_factory=list)
    problems: list[RowRefused] = field(default_factory=list)
    elsewhere: int = 0
    is_read: bool = True


def files(folder: Path) -> list[Path]:
    """The YAML files below a folder, hidden ones left out; a file alone is itself.

    Raises:
        UsageError: there is no such folder, or it holds more than MAX_PACKS of them.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name one with TagPacks as seeds.tagpacks in flowhouse.toml.")
    found = sorted(
        path
        for path in folder.rglob("*.y*ml")
        if path.suffix in (".yaml", ".yml") and path.is_file() and not _is_hidden(path.relative_to(folder))
    )
    if len(found) > MAX_PACKS:
        raise UsageError(f"{folder} holds {len(found):,} YAML files, more than {MAX_PACKS:,}: name a smaller folder.")
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def read(path: Path, networks: Collection[str]) -> Pack:
    """A pack's tags on these networks; another YAML file of a repository of TagPacks has none."""
    pack = Pack(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 2**20} MiB: split it.")
        with path.open("rb") as stream:
            header, tags = _document(yaml.parse(stream, LOADER))
        if any(name in header for name in OTHER_FILES):
            return pack
        if missing := [name for name in ("title", "creator", "tags") if name not in header]:
            raise ValueError(f"{missing[0]} is missing, so it is no TagPack: add it, or remove the file.")
        shared = {"licence": (_licence(path, header),)} | header
        for line, tag in tags:
            if tag is None:
                sentence = "it is no tag, which has fields: write them, or remove it."
                pack.problems.append(RowRefused(Place(path, line), sentence))
            else:
                _take(pack, Place(path, line), shared | tag, networks)
    except (ValueError, OSError, yaml.YAMLError) as error:
        pack.is_read = False
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        pack.problems = [RowRefused(Place(path, mark.line + 1 if mark else 1), _sentence(error))]
    return pack


def merge(packs: Iterable[Pack], above: Iterable[Row]) -> tuple[list[Row], int]:
    """One row for each address; where tags contradict each other one for each label, which is not in use; none where
    a row above them has it.

    Args:
        above: rows of entities that stand above tags; a tag's entity is written as they write it.

    Returns:
        the rows, and on how many addresses tags contradict each other.
    """
    above, packs = list(above), list(packs)
    decided = {(row["network"], row["address"]) for row in above}
    names = {row["entity"].casefold(): row["entity"] for row in reversed(above)}
    rows: dict[tuple[str, str], Row] = {}
    contradicted: set[tuple[str, str]] = set()
    for row in _rows(packs):
        key = row["network"], row["address"]
        name = names.setdefault(row["entity"].casefold(), row["entity"])
        first = rows.setdefault(key, row | {"entity": name, "origin": ORIGIN})
        if contradict(first, row):
            contradicted.add(key)
        elif first["kind"] == UNCLASSIFIED:
            first["kind"] = row["kind"]
    contradicted -= decided
    in_use = [row for key, row in rows.items() if key not in contradicted and key not in decided]
    return [*in_use, *_conflicts(packs, contradicted, names)], len(contradicted)


def _conflicts(
    packs: Iterable[Pack], contradicted: Collection[tuple[str, str]], names: Mapping[str, str]
) -> Iterable[Row]:
    """Each label of the addresses on which tags contradict each other, once."""
    labels: dict[tuple[str, str, str, str], Row] = {}
    for row in _rows(packs):
        if (row["network"], row["address"]) in contradicted:
            name = names[row["entity"].casefold()]
            label = row | {"entity": name, "label_verdict": CONFLICT, "origin": ORIGIN}
            labels.setdefault((row["network"], row["address"], name, row["kind"]), label)
    return labels.values()


def _rows(packs: Iterable[Pack]) -> Iterator[Row]:
    return (row for pack in packs for _, row in pack.tags)


def contradict(first: Row, second: Row) -> bool:
    """Whether labels of one address name two entities, however their letters are written, or two kinds of one."""
    kinds = {first["kind"], second["kind"]} - {UNCLASSIFIED}
    return first["entity"].casefold() != second["entity"].casefold() or len(kinds) > 1


def _sentence(error: Exception) -> str:
    if isinstance(error, yaml.YAMLError):
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "broken"
        return f"it is not YAML ({problem}): correct that line."
    return f"it cannot be read ({error.strerror})." if isinstance(error, OSError) else str(error)


def _take(pack: Pack, place: Place, tag: Fields, networks: Collection[str]) -> None:
    code = _text(tag, "network") or _text(tag, "currency")
    network = NETWORKS_BY_CODE.get(code.upper(), code.lower())
    names_nobody = bool(_text(tag, "abuse")) and not _text(tag, "actor")
    if network not in networks or not _text(tag, "address") or names_nobody:
        pack.elsewhere += 1
        return
    try:
        pack.tags.append((place, _row(tag, network)))
    except ValueError as error:
        pack.problems.append(RowRefused(place, str(error)))


def _row(tag: Fields, network: str) -> Row:
    """A tag as a row of entities; the actor it names stands for all labels of that actor."""
    cells = {
        "entity": _text(tag, "actor") or _text(tag, "label"),
        "source": _text(tag, "source"),
        "licence": _text(tag, "licence") or _text(tag, "license"),
    }
    for name, cell in cells.items():
        if not cell and name != "licence":
            raise ValueError(f"{'label' if name == 'entity' else name} is missing: write it, or remove the tag.")
        if len(cell) > MAX_TEXT or not cell.isprintable():
            raise ValueError(f"{name} is no text of up to {MAX_TEXT} characters: correct it, or remove the tag.")
    text = _text(tag, "address")
    try:
        address = address_on(network, text)
    except ValueError as error:
        raise ValueError(f"address is '{text[:80]}': {error}.") from None
    categories = (*tag.get("category", ()), *tag.get("concepts", ()))
    words = (each.strip().lower().replace(" ", "_") for each in categories)
    kind = next((KINDS[word] for word in words if word in KINDS), UNCLASSIFIED)
    noted = {"since_date": _day(_text(tag, "lastmod")), "label_verdict": "in_use"}
    return {"network": network, "address": address, "kind": kind, **cells, **noted}


def _day(text: str) -> str:
    try:
        return day(text[:10])
    except ValueError:
        return ""


def _text(fields: Mapping[str, tuple[str, ...]], name: str) -> str:
    texts = fields.get(name, ())
    return texts[0].strip() if len(texts) == 1 else ""


def _licence(path: Path, header: Fields) -> str:
    """The licence that the header names, or else that of the next folder upwards with a file LICENSE."""
    if named := _text(header, "licence") or _text(header, "license"):
        return named
    for folder in path.absolute().parents[:4]:
        for file in sorted(folder.glob("LICEN[SC]E*")):
            if file.is_file():
                with file.open("rb") as stream:
                    text = " ".join(stream.read(2_000).decode(errors="replace").split())
                return next((name for words, name in LICENCE_TEXTS.items() if words in text), "")
    return ""


def _document(events: Iterator[yaml.Event]) -> tuple[Fields, list[tuple[int, Fields | None]]]:
    """The header of the only document, and each of its tags with its line; None of one that is no mapping.

    Raises:
        ValueError: it is no mapping, or `tags` is no list.
        YAMLError: it is not YAML.
    """
    header, tags = {}, []
    for event in events:
        if isinstance(event, yaml.MappingStartEvent):
            break
        if not isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            raise ValueError("it has no fields, so it is no TagPack: remove the file.")
    for key, value in _pairs(events):
        if key == "tags" and isinstance(value, yaml.SequenceStartEvent):
            tags, header[key] = list(_tags(events)), ()
        else:
            header[key] = _texts(value, events)
    if "tags" in header and header["tags"] != ():
        raise ValueError("tags is no list: write one, or remove the file.")
    if any(isinstance(event, yaml.DocumentStartEvent) for event in events):
        raise ValueError("it holds two documents: make it two files.")
    return header, tags


def _tags(events: Iterator[yaml.Event]) -> Iterator[tuple[int, Fields | None]]:
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            return
        line = event.start_mark.line + 1
        if isinstance(event, yaml.MappingStartEvent):
            yield line, {key: _texts(value, events) for key, value in _pairs(events)}
        else:
            _texts(event, events)
            yield line, None


def _pairs(events: Iterator[yaml.Event]) -> Iterator[tuple[str, yaml.Event]]:
    """The keys of a mapping that has begun, each with the event that its value begins with."""
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            return
        if not isinstance(event, yaml.ScalarEvent):
            raise ValueError("a field has no name, so it is no TagPack: correct it, or remove the file.")
        yield event.value, next(events)


def _texts(event: yaml.Event, events: Iterator[yaml.Event]) -> tuple[str, ...]:
    """The texts of a value that begins with an event; all its events are taken."""
    if isinstance(event, yaml.ScalarEvent):
        return (event.value,)
    texts, depth = [], int(isinstance(event, yaml.CollectionStartEvent))
    is_list = isinstance(event, yaml.SequenceStartEvent)
    while depth:
        inner = next(events)
        if depth == 1 and isinstance(inner, yaml.ScalarEvent):
            texts.append(inner.value)
        depth += isinstance(inner, yaml.CollectionStartEvent) - isinstance(inner, yaml.CollectionEndEvent)
    return tuple(texts) if is_list else ()
