"""Matches lots over a connection to DuckDB: reads transfers in pieces of whole days, writes rows of `int_tokens__lots`.

Memory holds what the holders have, and one piece; DuckDB reads, joins and hashes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.token_lots.compiled import NOTHING
from orchestration.token_lots.matching import Lots, Matching, Moves, Share, Totals

PIECE = 1 << 18
"""Transfers of a piece: 0.1 GB while it is matched. To read ten million in four times larger ones takes 0.2 s less."""
MOST_DAYS = 10_000
"""Three times as many are numbers of 16 bits."""
UNITS = pa.decimal128(38)
WRITTEN = 1 << 18
"""Rows that are inserted at once. DuckDB keeps what is less than a group of rows in memory until the transaction's end:
0.25 GB of ten million transfers."""
BY_MOMENT = ["mint", "received", "transfer", "burn"]
"""Kinds of coins that come or leave at each moment of a day."""


def match(con: duckdb.DuckDBPyConnection, tokens: str, days: str, moves: str, insert: str, merge: str) -> None:
    """Match all lots of some tokens.

    Args:
        con: in whose transaction everything is read and written.
        tokens: query of (token_number, settled_date), numbered from 0.
        days: query of (value_date, transfers): all days with transfers.
        moves: query of (token_number, value_date, kind, sender, receiver, amount_units) between two dates, its
            parameters; kinds are 0 for a mint, 1 for a transfer and 2 for a burn.
        insert: statement that stores the rows of `matched_lots` (token_number, holder, moment, birth, kind,
            amount_units, lots, new_holders); moments are 4 * days since 1970 + 0 to 3.
        merge: statement that adds up stored rows of coins that left, of several shares of the holders.
    """
    settled = dict(con.execute(tokens).fetchall())
    counts = sorted(con.execute(days).fetchall())
    dates = np.array([day for day, _ in counts], dtype="datetime64[D]")
    until = defaultdict(list)
    for token, day in settled.items():
        until[int(np.searchsorted(dates, np.datetime64(day), "right"))].append(token)

    written = Writer(con, insert, dates)
    totals, shares = Totals(len(settled), len(dates)), [Share()]
    pieces = list(_pieces([count for _, count in counts], until))
    while shares:
        matching = Matching(totals, shares.pop())
        for begin, end in pieces:
            rows = con.execute(moves, [counts[begin][0], counts[end - 1][0]]).to_arrow_table()
            written.add(
                _joined([each for day, moved in _by_day(rows, dates, begin, end) for each in matching.add(day, *moved)])
            )
            for lots in matching.left(until[end]) if end > matching.share.since else ():
                written.add(lots, "unspent")
            if matching.is_larger_than(_room(con)) and end < len(dates):
                shares.append(matching.halve(end))
        matching.finish()
        if matching.share.mask and not shares:
            written.flush()
            con.execute(merge)
    written.add(totals.received())
    written.add(totals.unborn())
    written.add(totals.newcomers(), "holders")
    written.flush()


class Writer:
    """Inserts rows of `matched_lots`, many at once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, insert: str, dates: np.ndarray):
        self._con = con
        self._insert = insert
        self._dates = dates
        self._waiting: list[pa.Table] = []

    def add(self, lots: Lots, kind: str | None = None) -> None:
        """Insert lots, now or later; without a kind they are of that of their moment."""
        self._waiting.append(_table(lots, kind, self._dates))
        if sum(map(len, self._waiting)) >= WRITTEN:
            self.flush()

    def flush(self) -> None:
        """Insert what waits."""
        if not self._waiting:
            return
        self._con.register("matched_lots", pa.concat_tables(self._waiting).unify_dictionaries())
        self._con.execute(self._insert)
        self._con.unregister("matched_lots")
        self._waiting.clear()


def _room(con: duckdb.DuckDBPyConnection) -> int:
    """Bytes for what the holders have: half of the memory that DuckDB may use."""
    return con.execute("select parse_formatted_bytes(current_setting('memory_limit')) // 2").fetchall()[0][0]


def _pieces(counts: Sequence[int], cuts: Collection[int]) -> Iterator[tuple[int, int]]:
    """Runs of days of about PIECE transfers or one day, which end at least at the cuts."""
    begin = many = 0
    for day, count in enumerate(counts):
        if day > begin and (many + count > PIECE or day - begin == MOST_DAYS or day in cuts):
            yield begin, day
            begin, many = day, 0
        many += count
    if counts:
        yield begin, len(counts)


def _by_day(rows: pa.Table, dates: np.ndarray, begin: int, end: int) -> Iterator[tuple[int, list[Moves]]]:
    """Numbers of the days of a piece, with their mints, transfers and burns."""
    token, value_date, kind, sender, receiver, amount_units = (column.combine_chunks() for column in rows.columns)
    since_1970 = dates[begin:end].astype(np.int64)
    number = np.empty(since_1970[-1] - since_1970[0] + 1, dtype=np.int16)
    number[since_1970 - since_1970[0]] = np.arange(0, 3 * (end - begin), 3)
    group = number[value_date.view(pa.int32()).to_numpy() - since_1970[0]] + kind.to_numpy()
    order = np.argsort(group, kind="stable")  # of 16 bits, by radix
    amount = np.frombuffer(amount_units.buffers()[1], dtype=np.uint64).reshape(-1, 2)[amount_units.offset :][
        : len(rows)
    ]
    moves = Moves(*(each[order] for each in (token.to_numpy(), sender.to_numpy(), receiver.to_numpy(), amount)))
    ends = np.searchsorted(group[order], np.arange(3 * (end - begin) + 1))
    for day in range(begin, end):
        at = 3 * (day - begin)
        yield day, [Moves(*(each[ends[n] : ends[n + 1]] for each in moves)) for n in range(at, at + 3)]


def _joined(lots: Sequence[Lots]) -> Lots:
    return Lots(*(np.concatenate(each) for each in zip(*(each[:4] for each in lots), strict=True)))


def _table(lots: Lots, kind: str | None, dates: np.ndarray) -> pa.Table:
    """Rows as the insertion takes them; without a kind they are of that of their moment."""
    count = len(lots.token)
    kinds = pa.array(np.zeros(count, dtype=np.int8) if kind else (lots.moment % 4).astype(np.int8))
    return pa.table(
        {
            "token_number": lots.token.astype(np.int32),
            "holder": pa.nulls(count, pa.uint64()) if lots.holder is None else lots.holder,
            "moment": _moments(lots.moment, dates),
            "birth": _moments(lots.birth, dates),
            "kind": pa.DictionaryArray.from_arrays(kinds, [kind] if kind else BY_MOMENT),
            "amount_units": pa.nulls(count, UNITS) if lots.total is None else _units(lots.total),
            "lots": pa.nulls(count, pa.int64()) if lots.total is None else np.ascontiguousarray(lots.total["count"]),
            "new_holders": pa.nulls(count, pa.int64()) if lots.new_holders is None else lots.new_holders,
        }
    )


def _units(total: np.ndarray) -> pa.Array:
    """Amounts as decimals, which are two limbs as well."""
    limbs = np.stack((total["low"], total["high"]), axis=1)
    return pa.Array.from_buffers(UNITS, len(limbs), [None, pa.py_buffer(limbs)])


def _moments(numbers: np.ndarray, dates: np.ndarray) -> pa.Array:
    """Moments since 1970 of moments since the first day; none for NOTHING."""
    is_none = numbers == NOTHING
    since_1970 = 4 * dates.astype(np.int64)[np.where(is_none, 0, numbers) // 4] + numbers % 4
    return pa.array(since_1970.astype(np.int32), mask=is_none)
