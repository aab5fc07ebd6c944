"""Fills `int_onchain__ages_daily` over a connection to DuckDB, which streams the cells of the coin flow.

Memory holds what is added up: 160 bytes for each day and class of age, 0.35 GB for a chain of 6,150 days.
"""

from collections.abc import Iterator
from datetime import date
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
VALUE, UNIT_DAYS = pa.decimal128(38, 8), pa.decimal128(38)
SCHEMA = pa.schema(
    {
        "value_date": pa.date32(),
        "class_age_days": pa.int64(),
        **dict.fromkeys(NARROW_COLUMNS, pa.int64()),
        **{name: UNIT_DAYS if name == "destroyed_unit_days" else VALUE for name in WIDE_COLUMNS},
    }
)


INSERT = """
    insert into {table} by name
    select
        ? as asset,
        ? as network,
        false as is_token,
        *,
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

    Args:
        con: in whose transaction everything is read and written.
        table: empty.
        rows: query of all its rows; those that are of tokens have `is_token`.
    """
    chains = f"select asset, network, first_date, last_date from {tables.days} where day_number = 0 and not is_token"
    try:
        count = sum(_fill_chain(con, table, tables, *chain) for chain in con.execute(chains).fetchall())
        _require([(count,)] == con.execute(f"select count(*) from {tables.flow}").fetchall())
    except Unsupported:
        con.execute(f"delete from {table}")
        con.execute(f"insert into {table} by name {rows}")
    else:
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
    con.register("compiled_sums", pa.RecordBatchReader.from_batches(SCHEMA, sums.rows()))
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

    def rows(self) -> Iterator[pa.RecordBatch]:
        """All days and classes with coins, as rows of SCHEMA."""
        step = max(1, ROWS // len(self._ages))
        for begin in range(0, len(self._days.closes), step):
            days = slice(begin, begin + step)
            narrow, wide = self._narrow[:, days].reshape(NARROW, -1), self._wide[:, days].reshape(WIDE, -1, 2)
            found = np.flatnonzero(narrow[compiled.SPENT_CELLS] | narrow[compiled.REACHED_BIRTHS])
            day, at = np.divmod(found, len(self._ages))
            day += begin
            # Profit and loss are null where nothing was spent, or the day has no close.
            is_priced = (narrow[compiled.SPENT_CELLS, found] > 0) & (self._days.closes[day] != NO_CLOSE)
            columns = [pa.array(self._days.first + day, pa.int32()).view(pa.date32()), pa.array(self._ages[at])]
            columns += [pa.array(narrow[column].take(found)) for column in NARROW_COLUMNS.values()]
            for name, column in WIDE_COLUMNS.items():
                is_known = is_priced if name in ("profit", "loss") else None
                columns.append(_decimals(wide[column].take(found, axis=0), SCHEMA.field(name).type, is_known))
            yield pa.record_batch(columns, schema=SCHEMA)

    def _sums(self) -> tuple[np.ndarray, ...]:
        return self._days.closes, self._days.is_uncertain, self._by_birth, self._narrow, self._wide


def _decimals(limbs: np.ndarray, kind: pa.DataType, is_known: np.ndarray | None) -> pa.Array:
    """Decimals, which are two limbs as well; null where they are not known."""
    valid = None if is_known is None else pa.py_buffer(np.packbits(is_known, bitorder="little"))
    return pa.Array.from_buffers(kind, len(limbs), [valid, pa.py_buffer(limbs)])
