"""Fills `int_onchain__ages_daily` over a connection to DuckDB, which streams the cells of the coin flow.

Memory holds what is added up: 160 bytes for each day and class of age, 0.35 GB for a chain of 6,150 days.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.coin_ages import compiled
from orchestration.coin_ages.compiled import NARROW, NO_CLOSE, NO_DAY, NONE_CREATED, WIDE

EPOCH = date(1970, 1, 1)
MOST_SATS = 1 << 63
MOST_USD = MOST_SATS // 10**8
CELLS = 1 << 20
"""Cells that are read at once."""
ROWS = 122_880
"""Rows that DuckDB stores together."""
CODE = b"".join(module.read_bytes() for module in sorted(Path(__file__).parent.glob("*.py")))
"""Rows that another version of it gave do not stay."""
NARROW_COLUMNS = {
    "reached_units": compiled.REACHED,
    "reached_unpriced_units": compiled.REACHED_UNPRICED,
    "spent_units": compiled.SPENT,
    "unpriced_units": compiled.UNPRICED,
}
WIDE_COLUMNS = {
    "reached_cost": compiled.REACHED_COST,
    "reached_uncertain_cost": compiled.REACHED_UNCERTAIN_COST,
    "destroyed_unit_days": compiled.DESTROYED,
    "cost": compiled.COST,
    "uncertain_cost": compiled.UNCERTAIN_COST,
    "profit": compiled.PROFIT,
    "loss": compiled.LOSS,
}
VALUE, UNITS = pa.decimal128(38, 8), pa.decimal128(38)
SCHEMA = pa.schema(
    {
        "value_date": pa.date32(),
        "class_age_days": pa.int64(),
        **dict.fromkeys(NARROW_COLUMNS, UNITS),
        **{name: UNITS if name == "destroyed_unit_days" else VALUE for name in WIDE_COLUMNS},
        "sums_digest": pa.int64(),
    }
)

DELETE = """
    delete from {table}
    where
        asset = ?
        and network = ?
        and (value_date not between ? and ? or value_date in (from changed_days))
"""
INSERT = """
    insert into {table} by name
    select
        ? as asset,
        ? as network,
        false as is_token,
        * replace (cast(profit as double) as profit, cast(loss as double) as loss),
        cast(cost as double) as sold_cost,
        0 as burned_units,
        0 as burned_unpriced_units,
        0 as burned_cost
    from compiled_sums
"""


class Tables(NamedTuple):
    """The names of the models that are read: int_onchain__days and so on."""

    days: str
    ages: str
    closes: str
    created: str
    flow: str


class Unsupported(Exception):
    """Rows that compiled code was not made for, or sums that are too large for it."""


def fill(con: duckdb.DuckDBPyConnection, table: str, rows: str, tables: Tables) -> None:
    """Fill a table: its rows of chains by compiled code, or all by SQL where that cannot be.

    Stored rows stay on the days of chains that have the same ones now: storing all takes twice the CPU of the pass.

    Args:
        con: in whose transaction everything is read and written.
        table: empty, or with rows of whatever version.
        rows: query of all its rows; those that are of tokens have `is_token`.
    """
    if con.execute(f"describe {table}").fetchall() != con.execute(f"describe from ({rows})").fetchall():
        con.execute(f"create or replace table {table} as from ({rows}) limit 0")
    query = f"select asset, network, first_date, last_date from {tables.days} where day_number = 0 and not is_token"
    chains = con.execute(query).fetchall()
    try:
        count = sum(_fill_chain(con, table, tables, *chain) for chain in chains)
        _require([(count,)] == con.execute(f"select count(*) from {tables.flow}").fetchall())
    except Unsupported:
        con.execute(f"delete from {table}")
        con.execute(f"insert into {table} by name {rows}")
    else:
        others = " and ".join(["true", *["(asset, network) <> (?, ?)"] * len(chains)])
        con.execute(f"delete from {table} where {others}", [name for chain in chains for name in chain[:2]])
        # Compared with a constant it reaches every table, and no cell of a chain is read.
        con.execute(f"insert into {table} by name select * from ({rows}) as all_rows where is_token = true")


def _fill_chain(
    con: duckdb.DuckDBPyConnection, table: str, tables: Tables, asset: str, network: str, first: date, last: date
) -> int:
    """Store the rows of a chain; gives the number of its cells."""

    def of_chain(columns: str, name: str, more: str = "") -> duckdb.DuckDBPyConnection:
        return con.execute(f"select {columns} from {name} where asset = ? and network = ? {more}", [asset, network])

    created = of_chain("birth_date, sum(amount_sats)", tables.created, "group by birth_date").fetchall()
    _require(all(birth and sats is not None and 0 <= sats < MOST_SATS for birth, sats in created))
    earliest = min([first, *(birth for birth, _ in created)])
    ages = con.execute(f"select age_days, class_age_days from {tables.ages}").fetchall()
    _require((last - earliest).days < len(ages))
    days = Days.between(earliest, last, of_chain("value_date, close_fixed, is_uncertain", tables.closes))
    sums = Sums(days, ages)
    cells = "spend_date, birth_date, amount_sats, kind = 'burn' as is_burn"
    for batch in of_chain(cells, tables.flow).to_arrow_reader(CELLS):
        sums.add_spent(batch)
    sums.add_reached(created, first)

    changed = sums.changed_days(of_chain("distinct value_date, sums_digest", table).fetchall())
    # As a parameter a list costs a millisecond a date: for each DuckDB looks for packages that are not installed.
    con.register("changed_days", pa.table({"value_date": days.dates(np.flatnonzero(changed))}))
    con.execute(DELETE.format(table=table), [asset, network, earliest, last])
    con.unregister("changed_days")
    con.register("compiled_sums", pa.RecordBatchReader.from_batches(SCHEMA, sums.rows(changed)))
    con.execute(INSERT.format(table=table), [asset, network])
    con.unregister("compiled_sums")
    return sums.cells


def _require(is_met: bool) -> None:
    if not is_met:
        raise Unsupported


class Days(NamedTuple):
    """The days from the first birth of a chain's coins on.

    Attributes:
        first: number of the first since 1970.
        closes: int64 [day], 1e-8 dollars, or NO_CLOSE or NO_DAY.
        is_uncertain: bool [day].
    """

    first: int
    closes: np.ndarray
    is_uncertain: np.ndarray

    @classmethod
    def between(cls, first: date, last: date, closes: duckdb.DuckDBPyConnection) -> "Days":
        """The days from one to another, with the closes that value them."""
        count = (last - first).days + 1
        days = cls((first - EPOCH).days, np.full(count, NO_DAY), np.zeros(count, dtype=np.bool_))
        for day, close, is_uncertain in closes.fetchall():
            at = (day - first).days
            if 0 <= at < count:
                _require(close is None or 0 <= close < MOST_USD)
                days.closes[at] = NO_CLOSE if close is None else int(close.scaleb(8))
                days.is_uncertain[at] = is_uncertain
        return days

    def dates(self, numbers: np.ndarray) -> pa.Array:
        """The dates of days by their numbers from the first one on."""
        return pa.array(self.first + numbers, pa.int32()).view(pa.date32())


class Sums:
    """Coins of a chain, added up by day and class of age.

    Attributes:
        cells: how many of the coin flow are in it.
    """

    def __init__(self, days: Days, ages: list[tuple[int, int]]):
        """For some days, and (age, first age of its class) for each age from 0 on."""
        self.cells = 0
        self._days = days
        self._ages, class_of = np.unique([of_class for _, of_class in sorted(ages)], return_inverse=True)
        self._class_of = class_of.astype(np.int32)
        shape = (len(days.closes), len(self._ages))
        self._by_birth = np.zeros(shape, dtype=np.int64)
        self._narrow = np.zeros((NARROW, *shape), dtype=np.int64)
        self._wide = np.zeros((WIDE, *shape, 2), dtype=np.uint64)

    def add_spent(self, cells: pa.RecordBatch) -> None:
        """Add cells of (spend_date, birth_date, amount_sats, is_burn)."""
        _require(not any(column.null_count for column in cells.columns))
        _require(not cells["is_burn"].to_numpy(zero_copy_only=False).any())
        spends, births = (cells[name].view(pa.int32()).to_numpy() for name in ("spend_date", "birth_date"))
        amounts = cells["amount_sats"].to_numpy()
        _require(compiled.spend(spends, births, amounts, self._days.first, self._class_of, *self._sums()))
        self.cells += len(cells)

    def add_reached(self, created: list[tuple[date, int]], first: date) -> None:
        """Add what is unspent of (birth, satoshi) at each class of age, from a day on; after all that was spent."""
        amounts = np.full(len(self._days.closes), NONE_CREATED)
        for birth, sats in created:
            at = (birth - EPOCH).days - self._days.first
            if at < len(amounts):
                amounts[at] = sats
        begin = (first - EPOCH).days - self._days.first
        _require(compiled.reach(amounts, self._ages, begin, *self._sums()))

    def changed_days(self, stored: list[tuple[date, int | None]]) -> np.ndarray:
        """Days that have no stored rows of the same sums: bool [day].

        Args:
            stored: each day that has rows, and their sums_digest.
        """
        known = {(day - EPOCH).days - self._days.first: digest for day, digest in stored}
        return np.array([known.get(day) != digest for day, digest in enumerate(self._digests.tolist())])

    def rows(self, are_wanted: np.ndarray) -> Iterator[pa.RecordBatch]:
        """The classes with coins of days, bool [day], as rows of SCHEMA."""
        have_coins = self._narrow[compiled.SPENT_CELLS] + self._narrow[compiled.REACHED_BIRTHS] > 0
        day, at = np.nonzero(have_coins & are_wanted[:, np.newaxis])
        for begin in range(0, len(day), ROWS):
            yield self._rows(day[begin : begin + ROWS], at[begin : begin + ROWS])

    def _rows(self, day: np.ndarray, at: np.ndarray) -> pa.RecordBatch:
        """Rows of SCHEMA, of days and classes by their numbers here."""
        columns = [self._days.dates(day), pa.array(self._ages[at])]
        for column in NARROW_COLUMNS.values():
            limbs = np.zeros((len(day), 2), dtype=np.int64)
            limbs[:, 0] = self._narrow[column, day, at]
            columns.append(_decimals(limbs, UNITS, None))
        # Profit and loss are null where nothing was spent, or the day has no close.
        is_priced = (self._narrow[compiled.SPENT_CELLS, day, at] > 0) & (self._days.closes[day] != NO_CLOSE)
        for name, column in WIDE_COLUMNS.items():
            is_known = is_priced if name in ("profit", "loss") else None
            columns.append(_decimals(self._wide[column, day, at], SCHEMA.field(name).type, is_known))
        columns.append(pa.array(self._digests[day]))
        return pa.record_batch(columns, schema=SCHEMA)

    @cached_property
    def _digests(self) -> np.ndarray:
        """Of all that the rows of a day follow from: int64 [day]."""
        start = hashlib.sha256(CODE + self._ages.tobytes())
        digests = []
        for day, has_close in enumerate(self._days.closes != NO_CLOSE):
            digest = start.copy()
            for part in (has_close, *self._narrow[:, day], *self._wide[:, day]):
                digest.update(part)
            digests.append(digest.digest()[:8])
        return np.frombuffer(b"".join(digests), dtype=np.int64)

    def _sums(self) -> tuple[np.ndarray, ...]:
        return self._days.closes, self._days.is_uncertain, self._by_birth, self._narrow, self._wide


def _decimals(limbs: np.ndarray, kind: pa.DataType, is_known: np.ndarray | None) -> pa.Array:
    """Decimals, which are two limbs as well; null where they are not known."""
    valid = None if is_known is None else pa.py_buffer(np.packbits(is_known, bitorder="little"))
    return pa.Array.from_buffers(kind, len(limbs), [valid, pa.py_buffer(limbs)])
