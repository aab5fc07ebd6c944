"""Connections to the published warehouse: read-only, and confined to it unless a user asks for all of DuckDB."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from orchestration import quiet_duckdb
from orchestration.errors import PublishedDamaged
from orchestration.home import Home
from orchestration.publishing import published


@contextmanager
def connect(
    home: Home, is_confined: bool = True, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published warehouse.

    Args:
        is_confined: whether queries are kept from files, the network, extensions and settings, as on the SQL page.
        memory_limit: such as 1GiB; DuckDB's own, most of the memory, where None.

    Raises:
        UsageError: nothing has been published yet.
        PublishedDamaged: the file cannot be read.
    """
    file = published.warehouse(home)
    with tempfile.TemporaryDirectory(prefix="flowhouse-") as spill:
        try:
            con = quiet_duckdb.connect(file)
        except duckdb.Error as error:
            raise PublishedDamaged(_sentence(str(file), str(error))) from None
        with con:
            con.execute("use marts")
            # Else what does not fit into memory goes beside the warehouse.
            con.execute(f"set temp_directory = '{spill}'")
            if memory_limit:
                con.execute(f"set memory_limit = '{memory_limit}'")
            if is_confined:
                con.execute("set enable_external_access = false")
                con.execute("set python_enable_replacements = false")
                con.execute("set lock_configuration = true")
            try:
                yield con
            except BaseException:
                con.interrupt()  # else closing waits for a query that a signal broke off
                raise


def _sentence(file: str, error: str) -> str:
    reason = error.splitlines()[0]
    if "lock" in reason:
        return f"{file} is open for writing in another program: close it there."
    return f"{file} cannot be read ({reason}): run `flowhouse build`, which publishes it again."
