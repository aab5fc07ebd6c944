"""A user's own tokens, contracts, entities, wallets of funds and moves: CSV files beside the settings, read with care.

Their rows stand beside the project's seeds: in the lake as tables `own_seeds/<name>`, and in the watch lists of chains.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError
from orchestration import own_definitions, own_moves, seeds
from orchestration.configuration.cells import Column, address, day, matching, number, one_of
from orchestration.configuration.choices import nearest
from orchestration.seeds import Row, Rows

if TYPE_CHECKING:
    import polars as pl

    from orchestration.home import Home
    from orchestration.settings import Settings

SOURCE = "own_seeds"
OWN_COIN = "ETH"
"""What the chain's own coin is called, on every chain."""
MAX_DECIMALS = 18
"""The marts scale amounts by up to so many digits."""
ENTITY_KINDS = ("exchange", "bridge", "pool", "custodian")

TEXT = Column(matching(r"[^\x00-\x1f\x7f]{1,500}", "a text of up to 500 characters"))
NAME = Column(matching(r"\S{1,40}", "a name of up to 40 characters without spaces"))
NETWORK = Column(matching("[a-z][a-z0-9_-]{0,39}", "a network's name in small letters"))
CHAIN = {"chain_id": Column(number(1)), "network": NETWORK, "address": Column(address)}
REMARKS = {
    "first_block": Column(number(0, 2**53), ""),
    "source": Column(TEXT.check, ""),
    "reviewed_date": Column(day, ""),
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
        "address": Column(address),
        "entity": TEXT,
        "kind": Column(one_of(*ENTITY_KINDS)),
        "source": Column(TEXT.check, ""),
        "since_date": Column(day, ""),
    },
    "fund_addresses": {
        "ticker": NAME,
        "network": NETWORK,
        "address": Column(address),
        "provenance": Column(TEXT.check, ""),
    },
    "internal_moves": own_moves.COLUMNS,
}
"""The files by name, each with the columns of the project's seed."""

HOLDER_WEIGHTS = "holder_weights"
"""The table of the user's own definitions of a long-term holder."""

KEYS = {
    "tokens": (("network", "address"), ("network", "asset")),
    "contracts": (("network", "address"),),
    "entities": (("network", "address"),),
    "fund_addresses": (("ticker", "network", "address"),),
    "internal_moves": own_moves.KEYS,
}
"""What names a row, so that no other may have it, neither in the file nor in the project's seed."""


def schemas() -> dict[str, dict[str, pl.DataType | type[pl.DataType]]]:
    """Columns and types of the tables, those of the project's seeds."""
    import polars as pl

    types = {
        **{"chain_id": pl.Int32, "decimals": pl.Int32, "first_block": pl.Int64, "is_read": pl.Boolean},
        **{"reviewed_date": pl.Date, "since_date": pl.Date, "move_date": pl.Date},
        **dict.fromkeys(("amount_native", "lth_low_native", "lth_high_native"), pl.Decimal(38, 8)),
    }
    seeded = {table: {column: types.get(column, pl.String) for column in columns} for table, columns in COLUMNS.items()}
    return seeded | {HOLDER_WEIGHTS: {"definition_id": pl.String, "age_days": pl.Int32, "weight": pl.Int64}}


def update(home: Home, settings: Settings) -> None:
    """Bring the tables of own rows in line with the user's files; what is unchanged is not written. Under the lock.

    Raises:
        UsageError: a file cannot be trusted; the tables keep their rows.
    """
    import polars as pl

    rows, weights = read(settings), own_definitions.read(home)
    lake = home.lake
    for table, schema in schemas().items():
        if table == HOLDER_WEIGHTS:
            cells = [(name, *weight) for name, found in weights.items() for weight in found]
        else:
            cells = [tuple(_typed(row[column], kind) for column, kind in schema.items()) for row in rows[table]]
        typed = pl.DataFrame(cells, schema=schema, orient="row")
        if not lake.has(SOURCE, table) or not typed.equals(lake.read(SOURCE, table, schema)):
            lake.write(SOURCE, table, typed)


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
    """The rows of the user's files as checked texts, addresses in lower case; none of a file that is not set.

    Raises:
        UsageError: a file cannot be read, or a row does not fit; the sentence names file, line and column.
    """
    found = {table: _file(table, getattr(settings.seeds, table)) for table in COLUMNS}
    networks = seeds.chain_ids() | {
        network: provider.chain_id for network, provider in settings.evm.items() if provider.chain_id is not None
    }
    found["internal_moves"] = [(where, own_moves.completed(where, row)) for where, row in found["internal_moves"]]
    for table, lines in found.items():
        _check_networks(networks, lines)
        _check_keys(table, lines)
    own_moves.check_continued(found["internal_moves"], seeds.read("internal_moves"))
    known = {"entities": networks, "fund_addresses": networks, "internal_moves": (*NETWORKS, *networks)}
    for table, names in known.items():
        for where, row in found[table]:
            if row["network"] not in names:
                raise UsageError(f"{where}: network is '{row['network']}': {nearest(row['network'], names)}.")
    return {table: [row for _, row in lines] for table, lines in found.items()}


Line = tuple[str, Row]
"""Where a row is, and its cells."""


def _file(table: str, path: Path | None) -> list[Line]:
    if path is None:
        return []
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
        _check_header(table, f"{path}, line 1", header)
        return [(where := f"{path}, line {reader.line_num}", _row(table, where, header, row)) for row in reader if row]
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: it is not CSV ({error}): correct that line.") from None


def _check_header(table: str, where: str, header: list[str]) -> None:
    columns = COLUMNS[table]
    required = [column for column, each in columns.items() if each.default is None]
    for column in header:
        if column not in columns:
            raise UsageError(f"{where}: there is no column '{column}': {nearest(column, columns)}.")
    if missing := [column for column in required if column not in header]:
        raise UsageError(f"{where}: the column {missing[0]} is missing: begin the file with {','.join(columns)}.")
    if len(set(header)) < len(header):
        raise UsageError(f"{where}: a column is there twice: keep one of each.")


def _row(table: str, where: str, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        raise UsageError(f"{where}: it has {len(cells)} cells, not {len(header)}: write one for each column.")
    given = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
    row = {}
    for column, each in COLUMNS[table].items():
        cell = given.get(column, "")
        try:
            row[column] = each.default if not cell and each.default is not None else each.check(cell)
        except ValueError as error:
            raise UsageError(f"{where}: {column} is '{cell[:80]}': {error}.") from None
    return row


def _check_networks(networks: dict[str, int], lines: Iterable[Line]) -> None:
    """Check that one name goes with one chain id, and note new ones."""
    for where, row in lines:
        if "chain_id" not in row:
            continue
        network, chain_id = row["network"], int(row["chain_id"])
        if network in NETWORKS:
            raise UsageError(f"{where}: network is '{network}', which is one of Bitcoin: give another name.")
        if networks.setdefault(network, chain_id) != chain_id:
            raise UsageError(f"{where}: chain_id is '{chain_id}': that of {network} is {networks[network]}.")
        if other := next((name for name, each in networks.items() if each == chain_id and name != network), None):
            raise UsageError(f"{where}: network is '{network}': the chain with id {chain_id} is called {other}.")


def _check_keys(table: str, lines: Iterable[Line]) -> None:
    """Check that no two rows, own ones or the project's, have a key in common."""
    project = seeds.read(table)
    taken = {key: "the project's seeds" for row in project for key in _keys(table, row)}
    protocols = {(row["network"], row["protocol"]) for row in project} if table == "contracts" else set()
    for where, row in lines:
        for key in _keys(table, row):
            if key in taken:
                names = " and ".join(f"{column} '{cell}'" for column, cell in key)
                raise UsageError(f"{where}: {names} stand in {taken[key]} already: keep one of them.")
            taken[key] = where
        if (row["network"], row.get("protocol")) in protocols:
            raise UsageError(
                f"{where}: protocol is '{row['protocol']}', which is the project's: give yours another name."
            )
        if row.get("asset") == OWN_COIN:
            raise UsageError(f"{where}: asset is '{OWN_COIN}', which is the chain's own coin: give another name.")


def _keys(table: str, row: Row) -> list[tuple[tuple[str, str], ...]]:
    return [tuple((column, row[column]) for column in columns) for columns in KEYS[table]]
