"""The README keeps its word: its queries run on the published sample and answer."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", README, re.S)


def test_there_are_six_queries_worth_having():
    assert len(QUERIES) == 6


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_answers(sample_home, flowhouse, query):
    result = flowhouse("sql", query, "--format", "csv", "--home", sample_home)
    assert result.exit_code == 0, result.output
    assert len(result.output.splitlines()) > 1
