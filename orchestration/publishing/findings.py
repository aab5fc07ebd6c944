"""Findings: what a build says about its sources and about the claims, which people should look at."""

from pathlib import Path

from orchestration import quiet_duckdb
from orchestration.answers.answers import answers

CHANGED_VERDICT = "claim_verdict_changed"
"""A check of a claim is decided, and not as recorded data decided it when the check was written."""


def in_warehouse(warehouse: Path) -> list[dict]:
    """The findings of a published warehouse, by kind: its rows, and the names of checks whose verdict changed."""
    query = "select kind, count(*) as rows from marts.etf_findings group by kind order by kind"
    with quiet_duckdb.connect(warehouse) as con:
        found = [{"kind": kind, "rows": rows} for kind, rows in con.sql(query).fetchall()]
        names = [f"{claim}/{check}" for claim, check, *_ in con.sql(answers()["changed_verdicts"].sql).fetchall()]
    return [*found, {"kind": CHANGED_VERDICT, "rows": len(names), "names": names}] if names else found


def sentence(finding: dict) -> str:
    """One finding of a manifest in words."""
    rows = finding["rows"]
    if finding["kind"] == CHANGED_VERDICT:
        checks = "1 check of a claim has" if rows == 1 else f"{rows:,} checks of claims have"
        return (
            f"{checks} another verdict than recorded ({', '.join(finding['names'])}): a publisher corrected a figure,"
            " or a source is read wrongly; compare verdict with expected_verdict in marts.claim_checks."
        )
    return f"{rows:,} {'row' if rows == 1 else 'rows'} of marts.etf_findings say {finding['kind'].replace('_', ' ')}."
