"""`flowhouse claims` on the sample: the ledger, one claim's checks, and the claims on the week of the crash."""

import csv
import io
import json


def test_the_ledger_names_every_claim_once_with_its_verdict_and_its_rows(sample_home, flowhouse):
    listed = list(csv.DictReader(io.StringIO(flowhouse("claims", "--format", "csv", "--home", sample_home).output)))
    by_claim = {row["claim"]: row for row in listed}
    assert len(by_claim) == len(listed) == 74
    a34 = by_claim["A34"]
    assert float(a34["observed"]) == -799_000_000
    assert (a34["verdict"], a34["rows"], a34["of"], a34["as of"]) == ("contradicted", "55", "55", "2025-10-31")
    assert by_claim["A36"]["verdict"] == "depends_on_definition"
    assert by_claim["A37"]["verdict"] == "insufficient_data"  # the sample has six weeks
    assert by_claim["A14"]["verdict"] == "insufficient_data"  # and no bars of XRP
    assert by_claim["A26"]["verdict"] == "no_public_data"
    assert by_claim["A43"]["verdict"] == "not_a_data_claim"


def test_a_claim_shows_each_way_it_was_checked(sample_home, flowhouse):
    checks = json.loads(flowhouse("claims", "a36", "--format", "json", "--home", sample_home).output)
    verdicts = {check["check"]: (round(check["observed"]), check["verdict"]) for check in checks}
    assert verdicts == {
        "trade_date": (2_929, "contradicted"),
        "as_of_date": (522, "supported"),
        "as_of_date_to_thursday": (590, "supported"),
    }


def test_days_of_another_zone_are_not_answered_by_utc_days(sample_home, flowhouse):
    checks = json.loads(flowhouse("claims", "A03", "--format", "json", "--home", sample_home).output)
    (utc8,) = (check for check in checks if check["check"] == "utc8")
    assert utc8["window"] == "2025-11-02 16:00 to 2025-11-04 16:00 UTC, days of UTC+8"
    assert (utc8["verdict"], utc8["rows"], utc8["of"]) == ("insufficient_data", 0, 48)


def test_a_claim_that_nothing_answers_says_why(sample_home, flowhouse):
    result = flowhouse("claims", "A02", "--home", sample_home)
    assert result.exit_code == 0
    assert "no exchange publishes whose accounts they were" in result.output


def test_an_unknown_claim_is_wrong_use(sample_home, flowhouse):
    result = flowhouse("claims", "Z9", "--home", sample_home)
    assert result.exit_code == 2
    assert "There is no claim Z9: `flowhouse claims` lists them." in result.output
