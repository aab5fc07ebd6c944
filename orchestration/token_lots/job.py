"""Matches lots over a connection to DuckDB: reads transfers in pieces of whole days, writes rows of `int_tokens__lots`.

Memory holds what the holders have, and one piece; DuckDB reads and hashes. Holders who do not fit are put off.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.token_lots import compiled
from orchestration.token_lots.compiled import MOVE, NAME, NOTHING, TOKEN, WAYS
from orchestration.token_lots.matching import Lots, Matching, Piece, Share, Totals
from orchestration.token_lots.spool import Spool

PIECE = 1 << 19
"""Transfers of a piece: 0.1 GB while it is matched."""
UNITS = pa.decimal128(38)
GROUP = 122_880
"""Rows that DuckDB stores together. Of an insertion it keeps what is less in memory until the transaction's end."""
WRITTEN = 2 * GROUP
"""Rows that are inserted at once, a group by each thread."""
ENGINE_BYTES = 1 << 28
"""For DuckDB while it reads pieces and stores rows: as long as there is room, it keeps what it has written."""
BY_MOMENT = ["mint", "received", "transfer", "burn"]
"""Kinds of coins that come or leave at each moment of a day."""


def match(
    con: duckdb.DuckDBPyConnection, tokens: str, entities: str, days: str, moves: str, insert: str, merge: str
) -> None:
    """Match all lots of some tokens.

    Args:
        con: in whose transaction everything is read and written.
        tokens: query of (token_number, zero, last_date, settled_date): the token and its holder that mints and burns,
            as `moves` number them, and the last days that count and that are settled.
        entities: query of (holder, entity), as `moves` number them: whom an address belongs to.
        days: query of (value_date, transfers): all days with transfers.
        moves: query of (token_number, value_date, sender, receiver, amount_units) between two dates, its parameters,
            for all tokens and addresses; tokens and holders are numbers of 64 bits.
        insert: statement that stores the rows of `matched_lots` (token_number, holder, value_date, birth_date, kind,
            amount_units, lots, new_holders).
        merge: statement that adds up stored rows of coins that left, of several shares of the holders.
    """
    counts = sorted(con.execute(days).fetchall())
    transfers = Transfers(con, tokens, entities, moves, [day for day, _ in counts])
    written = Writer(con, insert, transfers)
    totals = Totals(len(transfers.tokens), len(counts))
    room, folder = _quarter(con), _folder(con)
    with _little_memory(con, min(room, ENGINE_BYTES)):
        pieces = (transfers.read(begin, end) for begin, end in _pieces(counts, transfers.settled))
        shares = list(_match(Matching(totals, Share()), pieces, transfers.settled, written, room, folder))
        is_shared = bool(shares)
        while shares:
            spool = shares.pop()
            holders, pieces = spool.read()
            matching = Matching(totals, spool.share, holders)
            del holders
            shares += _match(matching, pieces, transfers.settled, written, room, folder)
        if is_shared:
            written.flush()
            con.execute(merge)
        written.add(totals.received())
        written.add(totals.unborn())
        written.add(totals.newcomers(), "holders")
        written.flush()


def _match(
    matching: Matching,
    pieces: Iterable[Piece],
    settled: Mapping[int, Sequence[int]],
    written: "Writer",
    room: int,
    folder: Path | None,
) -> list[Spool]:
    """Match a share of the holders over the days of some pieces; gives those of them who were put off."""
    spools: list[Spool] = []
    for piece in pieces:
        for spool in spools:
            spool.add(piece)
        written.add(_joined([lots for day, moves in piece.by_day() for lots in matching.add(day, *moves)]))
        for lots in matching.left(settled.get(piece.end, ())):
            written.add(lots, "unspent")
        if matching.is_larger_than(room):
            matching.halve(lambda share, holders: spools.append(Spool(folder, share, holders)))
    matching.finish()
    return spools


class Transfers:
    """Transfers that count, read from DuckDB by days, with holders for addresses; see `match` for the queries.

    Attributes:
        dates: of the days.
        settled: places of the tokens that are settled up to before a day.
        tokens: TOKEN by place.
        numbers: of the tokens, by place.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, tokens: str, entities: str, moves: str, days: Sequence[date]):
        self.dates = np.array(days, dtype="datetime64[D]")
        rows = con.execute(tokens).to_arrow_table()
        self.tokens = np.empty(len(rows), dtype=TOKEN)
        self.tokens["zero"] = rows["zero"]
        self.tokens["end"] = self._days_until(rows["last_date"])
        self.settled: dict[int, list[int]] = defaultdict(list)
        for token, day in enumerate(self._days_until(rows["settled_date"])):
            self.settled[int(day)].append(token)
        self.numbers = rows["token_number"].to_numpy()
        self._names = _names(self.numbers, np.arange(len(rows), dtype=np.uint64))
        entity_rows = con.execute(entities).to_arrow_table()
        self._entities = _names(*(column.to_numpy() for column in entity_rows.columns))
        self._con = con
        self._moves = moves

    def read(self, begin: int, end: int) -> Piece:
        """The transfers of the days from one to before another."""
        first, last = self.dates[begin].item(), self.dates[end - 1].item()
        rows = self._con.execute(self._moves, [first, last]).to_arrow_table(GROUP)
        since_1970 = self.dates[begin:end].astype(np.int64)
        numbers = np.empty(since_1970[-1] - since_1970[0] + 1, dtype=np.int32)
        numbers[since_1970 - since_1970[0]] = np.arange(end - begin)
        counts = np.zeros(WAYS * (end - begin), dtype=np.int64)
        classified = []
        for batch in rows.to_batches():
            token, value_date, sender, receiver, amount_units = batch.columns
            tokens, sides = token.to_numpy().copy(), np.stack((sender.to_numpy(), receiver.to_numpy()))
            ways = compiled.classify(
                *(tokens, value_date.view(pa.int32()).to_numpy(), sides, (begin, since_1970[0], numbers)),
                *(self._names, self.tokens, self._entities, counts),
            )
            classified.append((ways, tokens, sides, _limbs(amount_units)))
        ends = np.append(0, np.cumsum(counts))
        moves, places = np.empty(ends[-1], dtype=MOVE), ends[:-1].copy()
        for ways, tokens, sides, amounts in classified:
            compiled.put_in_order(ways, tokens, sides, amounts, places, moves)
        return Piece(begin, end, moves, ends)

    def _days_until(self, days: pa.ChunkedArray) -> np.ndarray:
        return np.searchsorted(self.dates, days.to_numpy().astype("datetime64[D]"), "right")


class Writer:
    """Inserts rows of `matched_lots`, many at once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, insert: str, transfers: Transfers):
        self._con = con
        self._insert = insert
        self._transfers = transfers
        self._waiting: list[pa.Table] = []

    def add(self, lots: Lots, kind: str | None = None) -> None:
        """Insert lots, now or later; without a kind they are of that of their moment."""
        self._waiting.append(_table(lots, kind, self._transfers))
        if sum(map(len, self._waiting)) >= WRITTEN:
            rows = pa.concat_tables(self._waiting)
            whole = len(rows) // GROUP * GROUP
            self._waiting = [rows[whole:]]
            self._store(rows[:whole])

    def flush(self) -> None:
        """Insert what waits."""
        if self._waiting:
            self._store(pa.concat_tables(self._waiting))
            self._waiting = []

    def _store(self, rows: pa.Table) -> None:
        whole = rows.unify_dictionaries().combine_chunks()
        # DuckDB keeps what was registered until the transaction ends: a reader that has been read, but no rows.
        batches = pa.RecordBatchReader.from_batches(whole.schema, iter(whole.to_batches(GROUP)))
        self._con.register("matched_lots", batches)
        self._con.execute(self._insert)
        self._con.unregister("matched_lots")


@contextmanager
def _little_memory(con: duckdb.DuckDBPyConnection, size: int) -> Iterator[None]:
    """Lets DuckDB use so many bytes at most for a while."""
    limit = con.execute("select current_setting('memory_limit')").fetchall()[0][0]
    con.execute(f"set memory_limit = '{size}B'")
    try:
        yield
    finally:
        con.execute(f"set memory_limit = '{limit}'")


def _quarter(con: duckdb.DuckDBPyConnection) -> int:
    """A quarter of the bytes that DuckDB may use: for the holders, which take twice as many while they are halved."""
    return con.execute("select parse_formatted_bytes(current_setting('memory_limit')) // 4").fetchall()[0][0]


def _folder(con: duckdb.DuckDBPyConnection) -> Path | None:
    """Where the database is."""
    path = con.execute("select path from duckdb_databases() where database_name = current_database()").fetchall()[0][0]
    return Path(path).parent if path else None


def _pieces(counts: Sequence[tuple[date, int]], cuts: Collection[int]) -> Iterator[tuple[int, int]]:
    """Runs of days that end at least at the cuts: of months, of which the lake has files, or of one day or more.

    They have about PIECE transfers or less, but for one day. A file that two pieces share is read twice.
    """
    begin = many = 0
    of_month = Counter()
    for day, count in counts:
        of_month[day.year, day.month] += count
    for number, (day, count) in enumerate(counts):
        is_month = number == 0 or day.replace(day=1) > counts[number - 1][0]
        more = of_month[day.year, day.month] if is_month else count
        if number > begin and (many + more > PIECE or number in cuts):
            yield begin, number
            begin, many = number, 0
        many += count
    if counts:
        yield begin, len(counts)


def _names(numbers: np.ndarray, meanings: np.ndarray) -> np.ndarray:
    """A table of NAME, at most half full."""
    names = np.zeros(1 << (2 * len(numbers)).bit_length(), dtype=NAME)
    compiled.enter(names, numbers, meanings)
    return names


def _limbs(units: pa.Decimal128Array) -> np.ndarray:
    """Two limbs of 64 bits of each amount."""
    return np.frombuffer(units.buffers()[1], dtype=np.uint64).reshape(-1, 2)[units.offset :][: len(units)]


def _joined(lots: Sequence[Lots]) -> Lots:
    return Lots(*(np.concatenate(each) for each in zip(*(each[:4] for each in lots), strict=True)))


def _table(lots: Lots, kind: str | None, transfers: Transfers) -> pa.Table:
    """Rows as the insertion takes them; without a kind they are of that of their moment."""
    count = len(lots.token)
    kinds = pa.array(np.zeros(count, dtype=np.int8) if kind else (lots.moment % 4).astype(np.int8))
    return pa.table(
        {
            "token_number": transfers.numbers[lots.token],
            "holder": pa.nulls(count, pa.uint64()) if lots.holder is None else lots.holder,
            "value_date": _dates(lots.moment, transfers.dates),
            "birth_date": _dates(lots.birth, transfers.dates),
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


def _dates(moments: np.ndarray, dates: np.ndarray) -> pa.Array:
    """Dates of moments; none for NOTHING."""
    is_none = moments == NOTHING
    return pa.array(dates[np.where(is_none, 0, moments) // 4], mask=is_none)
