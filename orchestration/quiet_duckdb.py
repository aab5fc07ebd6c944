"""DuckDB without its progress bar, which it draws on standard output after two seconds where the program has no file:
in the processes of an executor, and in `python -c`.
"""

from pathlib import Path

import duckdb


def connect(file: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A connection that only reads a file; one in memory without a file.

    Raises:
        duckdb.Error: the file cannot be read.
    """
    con = duckdb.connect(str(file), read_only=True) if file else duckdb.connect()
    con.execute("set enable_progress_bar = false")
    return con
