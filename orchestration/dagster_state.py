"""Where Dagster keeps the runs and events of a home: its own SQLite storages, with connections that are kept.

Its storages make an engine and a connection for nearly every statement. What SQL was compiled is lost with the one, and
SQLite's log is written back as the other closes: two thirds of the CPU of a run that found nothing new.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Self

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.sqlite_storage import SqliteStorageConfig
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine

INDEX = "index"
KEEP_OPEN = 4
"""Files of runs that stay open, beside the one of all assets: housekeeping removes them from under other processes."""
BUSY_SECONDS = 30
"""How long to wait for another process's transaction, as Dagster does."""


class EventLog(SqliteEventLogStorage):
    """Events: a file for each run, and one of what happened to all assets."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._one_at_a_time = threading.Lock()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: SqliteStorageConfig) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def run_connection(self, run_id: str | None = None) -> Iterator[Connection]:
        """A transaction on the file of a run; those of a storage come one after the other."""
        with self._one_at_a_time, self._engine(run_id or "").begin() as con:
            yield con

    def index_connection(self) -> AbstractContextManager[Connection]:
        """A transaction on the file of all assets."""
        return self.run_connection(INDEX)

    def _engine(self, name: str) -> Engine:
        engine = self._engines.pop(name, None)
        if engine is None:
            with super().run_connection(name):  # creates its tables
                pass
            engine = create_engine(self.conn_string_for_shard(name), connect_args={"timeout": BUSY_SECONDS})
        self._engines[name] = engine
        runs = [each for each in self._engines if each != INDEX]
        for each in runs[:-KEEP_OPEN]:
            self._engines.pop(each).dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether there is a table: asked about once an event, and none is ever dropped."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        """Remove all events."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close all files."""
        super().dispose()
        self._close()

    def _close(self) -> None:
        with self._one_at_a_time:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()


class Runs(SqliteRunStorage):
    """Runs and their tags."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: SqliteStorageConfig) -> Self:
        return cls.from_local(inst_data=inst_data, **config_value)

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with self._engine.begin() as con:
            yield con

    def dispose(self) -> None:
        """Close the file."""
        self._engine.dispose()
