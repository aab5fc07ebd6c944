"""Files that grew by row groups, against those that DuckDB writes whole: byte for byte."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.publishing import row_groups

SIZE = 2048
"""Rows of a row group, the fewest that DuckDB writes."""
KINDS = {
    "day": "date '2012-01-01' + (n // 100)::integer",
    "amount": "(hash(n) % 10**12)::decimal(38, 8)",
    "name": "case when n % 3 = 0 then 'one' else 'other' end",
    "mostly new": "'value ' || (hash(n) % 100000)",
    "sometimes null": "case when n % 7 > 0 then hash(n)::double end",
    "is": "n % 2 = 0",
    "always null": "null::integer",
    "at": "timestamp '2026-01-01' + n * interval 1 minute",
    "list": "[n, -n]",
}
KEPT, MORE = 20_000, 9_000
"""Rows of the earlier file, whose last row group is not full, and rows that come behind them."""


@pytest.fixture
def write(tmp_path):
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in KINDS.items())

    def write(name: str, begin: int, end: int, columns: str = columns, compression: str = "zstd") -> Path:
        options = f"compression {compression}, row_group_size {SIZE}"
        rows = f"select {columns} from range({begin}, {end}) as _(n)"
        with duckdb.connect() as con:
            con.execute(f"copy ({rows}) to '{tmp_path / name}.parquet' ({options})")
        return tmp_path / f"{name}.parquet"

    return write


def test_a_files_row_groups_are_counted(write):
    assert row_groups.rows(write("one", 0, KEPT)) == 9 * [SIZE] + [KEPT - 9 * SIZE]
    assert row_groups.rows(write("none", 0, 0)) == []


@pytest.mark.parametrize("count", [1, 5, 9])
@pytest.mark.parametrize("more", [-1500, 0, 1, MORE])
def test_a_file_that_grew_is_the_one_of_all_rows(write, tmp_path, count, more):
    rest = write("rest", count * SIZE, KEPT + more)
    row_groups.extend(write("earlier", 0, KEPT), count, rest, tmp_path / "grown.parquet")
    assert (tmp_path / "grown.parquet").read_bytes() == write("whole", 0, KEPT + more).read_bytes()


def test_so_is_one_all_of_whose_row_groups_stay(write, tmp_path):
    end = 5 * SIZE
    row_groups.extend(write("earlier", 0, end), 5, write("rest", end, end + 1), tmp_path / "grown.parquet")
    assert (tmp_path / "grown.parquet").read_bytes() == write("whole", 0, end + 1).read_bytes()


def test_what_is_no_parquet_file_is_named(tmp_path):
    for content in (b"", b"PAR1", b"no Parquet file at all"):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(row_groups.Unknown, match="is no Parquet file"):
            row_groups.rows(tmp_path / "other")


def test_a_file_with_an_index_is_refused(write, tmp_path):
    plain = write("plain", 0, SIZE)
    pq.write_table(pq.read_table(plain), tmp_path / "indexed.parquet", write_page_index=True)
    with pytest.raises(row_groups.Unknown, match="has an index"):
        row_groups.extend(tmp_path / "indexed.parquet", 1, plain, tmp_path / "grown.parquet")
