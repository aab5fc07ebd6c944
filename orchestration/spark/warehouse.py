"""The folder of Parquet that Spark writes: <schema>.db/<table>/, complete where Spark has put its _SUCCESS there.

build/<name>/spark/<schema>.db/<table>/*.parquet   tables, kept from build to build
build/<name>/spark.json                            what an attempt is building, until it is done
"""

import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import BuildFailed
from orchestration.home import Home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession  # pyright: ignore[reportMissingImports]

ATTEMPT = "spark.json"
SUCCESS = "_SUCCESS"


@dataclass(frozen=True)
class Warehouse:
    """What Spark keeps of a home's build."""

    home: Home

    @property
    def folder(self) -> Path:
        return self.home.spark_warehouse

    @contextmanager
    def attempt(self, keys: Collection[str], known: Collection[str]) -> Iterator[None]:
        """Hold what is kept to what is whole: a killed or failed attempt's tables are removed before the next one.

        Args:
            keys: seeds and models, as `schema/name`, that this attempt builds.
            known: those of the project; tables of others are removed.
        """
        name = f"{self.home.name}/{ATTEMPT}"
        unfinished = set((self.home.read_state(name) or {}).get("unfinished", ()))
        for key, path in self._folders():
            if key in unfinished or key not in known or not (path / SUCCESS).exists():
                shutil.rmtree(path)
        self.home.write_state(name, {"unfinished": sorted({*unfinished, *keys})})
        yield
        self.home.write_state(name, {"unfinished": []})

    def register(self, spark: "SparkSession", raw: Iterable[str]) -> None:
        """Let a session know raw tables, as `source/table`, and the tables that are kept.

        Raises:
            BuildFailed: one of them cannot be read.
        """
        tables = {name: self.home.build / "inputs" / name for name in raw} | dict(self._folders())
        for schema in sorted({key.split("/")[0] for key in tables}):
            spark.sql(f"create schema if not exists {schema}")
        for key, path in tables.items():
            try:
                spark.sql(f"create table {key.replace('/', '.')} using parquet location '{path}'")
            except Exception:  # Spark's, of several kinds, whose texts are gone with the session
                raise BuildFailed(
                    f"Spark cannot read {path}: remove {self.folder}, and run `flowhouse build --full`."
                ) from None

    def _folders(self) -> list[tuple[str, Path]]:
        """Each table's key and folder."""
        paths = sorted(self.folder.glob("*.db/*/"))
        return [(f"{path.parent.name.removesuffix('.db')}/{path.name}", path) for path in paths]
