"""The README is true: its queries are on the SQL page and run, and it names every source."""

import re
from pathlib import Path

import pytest

from ingestion import registry
from orchestration.answers.answers import shown_in

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_readmes_queries_are_examples_of_the_sql_page():
    shown = re.findall(r"\n\n([^\n]+)\n\n```sql\n(.*?)```", README, re.S)
    assert len(shown) >= 3
    assert set(shown) <= {(answer.question, f"{answer.sql}\n") for answer in shown_in("example")}


def test_links_lead_to_files_of_the_repository():
    assert [path for path in re.findall(r"\]\((?!https?://)([^)#]+)", README) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("answer", shown_in("example"), ids=lambda answer: answer.name)
def test_every_query_answers(sample_home, flowhouse, answer):
    result = flowhouse("sql", answer.sql, "--format", "csv", "--home", sample_home)
    assert result.exit_code == 0, result.output
    assert len(result.output.splitlines()) > 1


@pytest.mark.parametrize("source", registry.names())
def test_the_readme_says_where_each_source_is_from(source):
    table = README.split("## Where the data comes from")[1]
    assert re.search(rf"^\|[^|]*`{source}`[^|]*\| ", table, re.M)
