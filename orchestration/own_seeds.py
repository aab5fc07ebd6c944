"""A user's own tokens, contracts, entities, wallets of funds and moves: CSV files beside the settings, read with care.

Their rows stand beside the project's seeds: in the lake as tables `own_seeds/<name>`, and in the watch lists of chains.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError
from orchestration import own_definitions, own_moves, seeds
from orchestration.configuration.cells import (
    Column,
    Place,
    RowRefused,
    address,
    address_on,
    day,
    matching,
    number,
    one_of,
)
from orchestration.configuration.choices import nearest
from orchestration.configuration.labels import ENTITY_KINDS, LICENCES
from orchestration.seeds import Row, Rows

if TYPE_CHECKING:
    import polars as pl

    from ingestion.lake.tables import Lake
    from orchestration.home import Home
    from orchestration.settings import Settings

SOURCE = "own_seeds"
OWN_COIN = "ETH"
"""What the chain's own coin is called, on every chain."""
MAX_DECIMALS = 18
"""The marts scale amounts by up to so many digits."""

TEXT = Column(matching(r"[^\x00-\x1f\x7f]{1,500}", "a text of up to 500 characters"))
NAME = Column(matching(r"\S{1,40}", "a name of up to 40 characters without spaces"))
NETWORK = Column(matching("[a-z][a-z0-9_-]{0,39}", "a network's name in small letters"))
CHAIN = {"chain_id": Column(number(1)), "network": NETWORK, "address": Column(address)}
ADDRESS = Column(str)
"""Checked with its network, by `address_on`."""
REMARKS = {
    "first_block": Column(number(0, 2**53), ""),
    "source": Column(TEXT.check, ""),
    "reviewed_date": Column(day, ""),
}
REVIEW = {
    "licence": Column(one_of(*LICENCES), ""),
    "label_verdict": Column(one_of("in_use", "unverified", "withdrawn", "wrong"), "in_use"),
}

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "tokens": {
        **CHAIN,
        "asset": NAME,
        "decimals": Column(number(0, MAX_DECIMALS)),
        "kind": Column(NAME.check, "other"),
        "is_read": Column(one_of("true", "false"), "true"),
        "supply_events": Column(one_of("transfer", "issue_redeem"), "transfer"),
        **REMARKS,
    },
    "contracts": {
        **CHAIN,
        "protocol": NAME,
        "kind": Column(one_of("aave_v3_pool", "balancer_v2_vault")),
        **REMARKS,
    },
    "entities": {
        "network": NETWORK,
        "address": ADDRESS,
        "entity": TEXT,
        "kind": Column(one_of(*ENTITY_KINDS)),
        "source": Column(TEXT.check, ""),
        "since_date": Column(day, ""),
        **REVIEW,
    },
    "fund_addresses": {
        "ticker": NAME,
        "network": NETWORK,
        "address": ADDRESS,
        "provenance": Column(TEXT.check, ""),
        **REVIEW,
    },
    "internal_moves": own_moves.COLUMNS,
}
"""The files by name, each with the columns of the project's seed."""

ORIGIN = {"origin": "own"}
"""What the table of entities has beside the file's columns: who says so, the user or a TagPack."""

HOLDER_WEIGHTS = "holder_weights"
"""The table of the user's own definitions of a long-term holder."""

KEYS = {
    "tokens": (("network", "address"), ("network", "asset")),
    "contracts": (("network", "address"),),
    "entities": (("network", "address"),),
    "fund_addresses": (("network", "address"),),
    "internal_moves": own_moves.KEYS,
}
"""What names a row, so that no other may have it, neither in the file nor in the project's seed."""

LABELS = ("entities", "fund_addresses")
"""Tables that say whose an address is, of account chains and of Bitcoin."""


def schemas() -> dict[str, dict[str, pl.DataType | type[pl.DataType]]]:
    """Columns and types of the tables, those of the project's seeds; entities say their origin too."""
    import polars as pl

    types = {
        **{"chain_id": pl.Int32, "decimals": pl.Int32, "first_block": pl.Int64, "is_read": pl.Boolean},
        **{"reviewed_date": pl.Date, "since_date": pl.Date, "move_date": pl.Date},
        **dict.fromkeys(("amount_native", "lth_low_native", "lth_high_native"), pl.Decimal(38, 8)),
    }
    seeded = {table: {column: types.get(column, pl.String) for column in columns} for table, columns in COLUMNS.items()}
    seeded["entities"] |= dict.fromkeys(ORIGIN, pl.String)
    return seeded | {HOLDER_WEIGHTS: {"definition_id": pl.String, "age_days": pl.Int32, "weight": pl.Int64}}


def create_tables(lake: Lake) -> None:
    """Write each table that is not there yet, and add to an older one the columns that it lacks. Under the lock."""
    import polars as pl

    lake.create(SOURCE, schemas())
    for table, columns in COLUMNS.items():
        schema = schemas()[table]
        stored = lake.read(SOURCE, table, schema)
        if stored.columns != list(schema):
            defaults = {column: _typed(each.default or "", schema[column]) for column, each in columns.items()} | ORIGIN
            missing = [
                pl.lit(defaults[column], kind).alias(column)
                for column, kind in schema.items()
                if column not in stored.columns
            ]
            lake.write(SOURCE, table, stored.with_columns(missing).select(*schema))


def update(home: Home, settings: Settings) -> tuple[str, ...]:
    """Bring the tables of own rows in line with the user's files; what is unchanged is not written. Under the lock.

    Returns:
        a sentence for each TagPack that cannot be read, and each file of a definition whose name is none.

    Raises:
        UsageError: a file cannot be trusted; the tables keep their rows.
    """
    rows = read(settings)
    _write_weights(home)
    unread = tuple(own_definitions.unread(home))
    if settings.seeds.tagpacks is None:
        _write(home.lake, rows)
        return unread
    from orchestration import tag_rows  # takes YAML

    inputs = tag_rows.digest(settings, rows["entities"])
    reading = tag_rows.kept(home.lake, SOURCE)
    if reading and reading.inputs == inputs:
        _write(home.lake, {table: each for table, each in rows.items() if table != "entities"})
    else:
        tags, reading = tag_rows.read(settings, rows["entities"], inputs)
        _write(home.lake, {**rows, "entities": [*rows["entities"], *tags]})
        tag_rows.keep(home.lake, SOURCE, reading)
    tag_rows.warn(settings, reading)
    return (*unread, *reading.failures)


def labels(lake: Lake) -> Rows:
    """The user's labels that the tables hold, tags among them, as a build reads them."""
    return {table: lake.read(SOURCE, table, schemas()[table]).to_dicts() for table in LABELS}


def _write(lake: Lake, rows: Rows) -> None:
    """Replace the tables whose rows are others by now."""
    import polars as pl

    for table, lines in rows.items():
        schema = schemas()[table]
        cells = {column: [_typed((ORIGIN | row)[column], kind) for row in lines] for column, kind in schema.items()}
        _replace(lake, table, pl.DataFrame(cells, schema=schema))


def _write_weights(home: Home) -> None:
    """Replace the table of the user's own definitions where they are others by now."""
    import polars as pl

    weights = own_definitions.read(home)
    cells = [(name, *weight) for name, found in weights.items() for weight in found]
    _replace(home.lake, HOLDER_WEIGHTS, pl.DataFrame(cells, schema=schemas()[HOLDER_WEIGHTS], orient="row"))


def _replace(lake: Lake, table: str, rows: pl.DataFrame) -> None:
    if not lake.has(SOURCE, table) or not rows.equals(lake.read(SOURCE, table, schemas()[table])):
        lake.write(SOURCE, table, rows)


def _typed(cell: str, kind: pl.DataType | type[pl.DataType]) -> str | int | bool | date | Decimal | None:
    import polars as pl

    if kind == pl.String:
        return cell
    if not cell:
        return None
    if kind == pl.Boolean:
        return cell == "true"
    if isinstance(kind, pl.Decimal):
        return Decimal(cell)
    return date.fromisoformat(cell) if kind == pl.Date else int(cell)


def read(settings: Settings) -> Rows:
    """The rows of the user's files as checked texts, addresses as they are stored; none of a file that is not set.

    Raises:
        UsageError: a file cannot be read, or a row does not fit; the sentence names file, line and column.
    """
    found = {table: _file(table, getattr(settings.seeds, table)) for table in COLUMNS}
    accounts = settings.account_chains
    found["internal_moves"] = [(place, own_moves.completed(place, row)) for place, row in found["internal_moves"]]
    for table, lines in found.items():
        _check_networks(accounts, lines)
        _check_keys(table, lines)
    for table in (*LABELS, "internal_moves"):
        for place, row in found[table]:
            check_network(place, row, accounts)
    tokens = (*seeds.read("tokens"), *(row for _, row in found["tokens"]))
    own_moves.check(found["internal_moves"], seeds.read("internal_moves"), tokens)
    return {table: [row for _, row in lines] for table, lines in found.items()}


Line = tuple[Place, Row]
"""Where a row is, and its cells."""


def _file(table: str, path: Path | None) -> list[Line]:
    return [_line(each) for each in read_lines(table, path)] if path else []


def _line(line: Line | RowRefused) -> Line:
    if isinstance(line, RowRefused):
        raise line
    return line


def read_lines(table: str, path: Path) -> Iterator[Line | RowRefused]:
    """The rows of a file, in place of each that does not fit the error that says why.

    Raises:
        UsageError: the file cannot be read, or is no CSV with these columns.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): fix seeds.{table} in flowhouse.toml.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8: save it as UTF-8.") from None
    reader = csv.reader(content.splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        if table == "internal_moves":
            header = [own_moves.FORMER_NAMES.get(column, column) for column in header]
        _check_header(table, Place(path, 1), header)
        for cells in reader:
            place = Place(path, reader.line_num)
            if not cells:
                continue
            try:
                yield place, _row(table, header, cells)
            except ValueError as error:
                yield RowRefused(place, str(error))
    except csv.Error as error:
        raise RowRefused(Place(path, reader.line_num), f"it is not CSV ({error}): correct that line.") from None


def _check_header(table: str, place: Place, header: list[str]) -> None:
    columns = COLUMNS[table]
    required = [column for column, each in columns.items() if each.default is None]
    for column in header:
        if column not in columns:
            raise RowRefused(place, f"there is no column '{column}': {nearest(column, columns)}.")
    if missing := [column for column in required if column not in header]:
        raise RowRefused(place, f"the column {missing[0]} is missing: begin the file with {','.join(columns)}.")
    if len(set(header)) < len(header):
        raise RowRefused(place, "a column is there twice: keep one of each.")


def _row(table: str, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        raise ValueError(f"it has {len(cells)} cells, not {len(header)}: write one for each column.")
    given = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
    row = {}
    for column, each in COLUMNS[table].items():
        cell = given.get(column, "")
        try:
            row[column] = each.default if not cell and each.default is not None else each.check(cell)
            if column == "address" and table in LABELS:
                row[column] = address_on(row["network"], cell)
        except ValueError as error:
            raise ValueError(f"{column} is '{cell[:80]}': {error}.") from None
    return row


def check_network(place: Place, row: Row, accounts: Collection[str]) -> None:
    """Raise RowRefused where a label's network is not known."""
    if row["network"] not in (known := {*accounts, *NETWORKS}):
        raise RowRefused(place, f"network is '{row['network']}': {nearest(row['network'], known)}.")


def _check_networks(networks: dict[str, int], lines: Iterable[Line]) -> None:
    """Check that one name goes with one chain id, and note new ones."""
    for place, row in lines:
        if "chain_id" not in row:
            continue
        network, chain_id = row["network"], int(row["chain_id"])
        if network in NETWORKS:
            raise RowRefused(place, f"network is '{network}', which is one of Bitcoin: give another name.")
        if networks.setdefault(network, chain_id) != chain_id:
            raise RowRefused(place, f"chain_id is '{chain_id}': that of {network} is {networks[network]}.")
        if other := next((name for name, each in networks.items() if each == chain_id and name != network), None):
            raise RowRefused(place, f"network is '{network}': the chain with id {chain_id} is called {other}.")


def _check_keys(table: str, lines: Iterable[Line]) -> None:
    """Check that no two rows, own ones or the project's, have a key in common."""
    project = seeds.read(table)
    taken = {key: "the project's seeds" for row in project for key in _keys(table, row)}
    protocols = {(row["network"], row["protocol"]) for row in project} if table == "contracts" else set()
    for place, row in lines:
        for key in _keys(table, row):
            if key in taken:
                names = " and ".join(f"{column} '{row[column]}'" for column, _ in key)
                raise RowRefused(place, f"{names} stand in {taken[key]} already: keep one of them.")
            taken[key] = str(place)
        if (row["network"], row.get("protocol")) in protocols:
            sentence = f"protocol is '{row['protocol']}', which is the project's: give yours another name."
            raise RowRefused(place, sentence)
        if table == "tokens" and row["asset"] == OWN_COIN:
            raise RowRefused(place, f"asset is '{OWN_COIN}', which is the chain's own coin: give another name.")


def _keys(table: str, row: Row) -> list[tuple[tuple[str, str], ...]]:
    return [tuple((column, _key(column, row[column])) for column in columns) for columns in KEYS[table]]


def _key(column: str, cell: str) -> str:
    return own_moves.folded(cell) if column == "owner" else cell
