"""The ledger's two data tests find the errors they are for: their SQL over small ledgers, without dbt."""

import re
from itertools import product
from pathlib import Path

import duckdb
import pytest
import yaml
from jinja2 import Template

from orchestration.answers.answers import answers

TESTS = Path(__file__).parents[2] / "dbt_project/tests"


def found(test: str, **tables: str) -> list[tuple]:
    """Claim and check of each row the data test complains about, over tables given as a select."""
    sql = re.sub(r"\{\{ config.*", "", (TESTS / f"{test}.sql").read_text())
    sql = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", sql)
    with duckdb.connect() as con:
        for name, select in tables.items():
            con.execute(f"create table {name} as {select}")
        return [row[:2] for row in con.execute(sql).fetchall()]


@pytest.mark.parametrize(
    ("verdict", "expected", "is_found"),
    [
        ("supported", "contradicted", True),
        ("contradicted", "supported", True),
        ("contradicted", "contradicted", False),
        ("insufficient_data", "supported", False),
        ("contradicted", None, False),
    ],
)
def test_a_changed_verdict_is_found_and_a_false_claim_is_not(verdict, expected, is_found):
    expected = f"'{expected}'" if expected else "cast(null as varchar)"
    ledger = f"select 'A' as claim_id, 'b' as check_id, 1 as observed_value, '{verdict}' as verdict"
    rows = found("verdicts_are_as_expected", claim_checks=f"{ledger}, {expected} as expected_verdict")
    assert rows == ([("A", "b")] if is_found else [])


@pytest.mark.parametrize(("is_strict", "severity"), [(False, "warn"), (True, "error")])
def test_a_changed_verdict_fails_a_build_only_where_that_is_asked_for(is_strict, severity):
    configured = {}
    text = (TESTS / "verdicts_are_as_expected.sql").read_text()
    Template(text).render(config=configured.update, var={"strict_claims": is_strict}.__getitem__, ref=lambda name: name)
    assert configured["severity"] == severity
    defaults = yaml.safe_load((TESTS.parent / "dbt_project.yml").read_text())["vars"]
    assert defaults["strict_claims"] is False


def test_the_finding_is_what_the_test_finds():
    ledger = ", ".join(
        f"('C{number}', 'a', 1, '{verdict}', {expected})"
        for number, (verdict, expected) in enumerate(
            product(["supported", "contradicted", "insufficient_data"], ["'supported'", "'contradicted'", "null"])
        )
    )
    columns = "claim_id, check_id, observed_value, verdict, expected_verdict"
    rows = found("verdicts_are_as_expected", claim_checks=f"select * from (values {ledger}) as ledger({columns})")
    with duckdb.connect() as con:
        con.execute("create schema marts")
        con.execute(f"create table marts.claim_checks as select * from (values {ledger}) as ledger({columns})")
        assert [row[:2] for row in con.sql(answers()["changed_verdicts"].sql).fetchall()] == sorted(rows)
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("answered_by", "rows_used", "observed", "is_found"),
    [
        ("prices", 2, "1.0", False),
        ("prices", 2, "null", True),
        ("prices", 1, "null", False),
        ("not_held", 0, "null", True),
    ],
    ids=["measured", "misspelt", "rows missing", "claim nothing answers"],
)
def test_a_check_that_nobody_measures_is_found(answered_by, rows_used, observed, is_found):
    rows = found(
        "every_check_is_measured",
        facts_claims=f"select 'A' as claim_id, '{answered_by}' as answered_by",
        facts_claim_checks="select 'A' as claim_id, 'b' as check_id, 'low_usd' as measure",
        claim_checks=f"select 'A' as claim_id, 'b' as check_id, {rows_used} as rows_used, 2 as rows_expected,"
        f" cast({observed} as double) as observed_value",
    )
    assert rows == ([("A", "b")] if is_found else [])


def test_a_check_of_an_unknown_claim_is_found():
    no_rows = (
        "select 'A' as claim_id, 'b' as check_id, 2 as rows_used, 2 as rows_expected, 1.0 as observed_value limit 0"
    )
    rows = found(
        "every_check_is_measured",
        facts_claims="select 'A' as claim_id, 'prices' as answered_by",
        facts_claim_checks="select 'Z' as claim_id, 'b' as check_id, 'low_usd' as measure",
        claim_checks=no_rows,
    )
    assert rows == [("Z", "b")]
