"""`flowhouse build --engine`: what does not fit is refused in a sentence, before anything is changed."""

from pathlib import Path

import pytest

from orchestration.settings import Engine
from orchestration.spark import requirements


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def refused(flowhouse, home):
    """The sentence about options that do not fit, after which there is no home."""

    def run(*options: str) -> str:
        result = flowhouse("build", "--sample", "--home", home, *options)
        assert (result.exit_code, home.exists()) == (2, False), result.output
        return result.output.splitlines()[-1]

    return run


def test_without_the_extra_nothing_is_begun(refused, monkeypatch):
    monkeypatch.setattr(requirements, "PACKAGES", ("pyspark-that-is-absent",))
    sentence = "flowhouse: Spark is not installed (pyspark-that-is-absent is absent): pip install 'flowhouse[spark]'."
    assert refused("--engine", "spark") == sentence


def test_without_java_nothing_is_begun(refused, monkeypatch, tmp_path):
    monkeypatch.setattr(requirements, "PACKAGES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    sentence = "flowhouse: Spark needs a Java runtime: apt install default-jre-headless, or set JAVA_HOME."
    assert refused("--engine", "spark") == sentence


@pytest.mark.parametrize("name", ["h{o}me", "h*me", "h'me", "h[o]me"])
def test_a_home_that_spark_takes_for_a_pattern_is_refused(flowhouse, monkeypatch, tmp_path, name):
    monkeypatch.setattr(requirements, "PACKAGES", ())
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    (tmp_path / "java/bin").mkdir(parents=True)
    (tmp_path / "java/bin/java").touch()
    result = flowhouse("build", "--engine", "spark", "--home", tmp_path / name)
    assert result.exit_code == 2
    assert "in its path, which Spark cannot read from: name another home." in result.output
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--spark-master", "spark://h:1"), "engine.spark_master says nothing to duckdb: set engine.name to spark."),
        (
            ("--engine", "spark", "--spark-master", "h:1"),
            "is 'h:1', which is no master: write local[2]",
        ),
        (("--engine", "flink"), "'flink' is not one of 'duckdb', 'spark'."),
    ],
)
def test_options_that_do_not_fit_are_refused(flowhouse, home, options, sentence):
    result = flowhouse("build", "--sample", "--home", home, *options)
    assert (result.exit_code, home.exists()) == (2, False)
    assert sentence in result.output


def test_options_stand_above_the_file():
    written = Engine(name="spark", spark_master="spark://h:1")
    assert written.with_choice("duckdb", None) == Engine()
    assert written.with_choice(None, "local[3]").master == "local[3]"
    assert Engine(threads=3).with_choice("spark", None).master == "local[3]"
