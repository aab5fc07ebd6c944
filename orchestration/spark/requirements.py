"""What Spark needs beside this package: an optional extra, and a Java runtime from the distribution."""

import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ingestion.errors import UsageError
from orchestration import environment
from orchestration.home import Home

PACKAGES = ("pyspark", "dbt-spark")
PATTERN = r"[*?\[\]{}\\`'\"]"
"""What Spark, or SQL around it, takes for a pattern or an end in the path of a folder."""


def versions() -> dict[str, str]:
    """Versions of the packages that turn inputs into a warehouse on Spark.

    Raises:
        UsageError: they are not installed.
    """
    try:
        return {package: version(package) for package in PACKAGES}
    except PackageNotFoundError as error:
        raise UsageError(f"Spark is not installed ({error.name} is absent): pip install 'flowhouse[spark]'.") from None


def require(home: Home) -> None:
    """Check all that can be checked before anything is changed.

    Raises:
        UsageError: something is not installed, or Spark cannot read from the home's path.
    """
    versions()
    java_home = environment.variables().get("JAVA_HOME")
    if not (java_home and (Path(java_home) / "bin/java").exists()) and not shutil.which("java"):
        raise UsageError("Spark needs a Java runtime: apt install default-jre-headless, or set JAVA_HOME.")
    if found := re.search(PATTERN, str(home.root)):
        raise UsageError(f"{home.root} has {found[0]} in its path, which Spark cannot read from: name another home.")
