"""`flowhouse why`: from a figure to the bytes it came from, on the sample."""

import csv
import hashlib
import io
import json
import shutil
from pathlib import Path

import pytest

from ingestion import sample


def asked(flowhouse, home, *words) -> list[dict]:
    return json.loads(flowhouse("why", *words, "--format", "json", "--home", home).output)


def test_a_figure_has_its_values_its_page_and_the_bytes_of_that(sample_home, flowhouse):
    values = asked(flowhouse, sample_home, "IBIT", "2025-11-03")
    (flow,) = (value for value in values if value["role"] == "flow")
    assert (flow["raw_text"], flow["value"], flow["standing"]) == ("(186.5)", -186_500_000, "counts")
    assert flow["source_url"] == "https://farside.co.uk/bitcoin-etf-flow-all-data/"
    page = flowhouse("why", "IBIT", "2025-11-03", "--bytes", "--home", sample_home).stdout_bytes
    assert page == (sample_home / flow["file"]).read_bytes()
    assert hashlib.sha256(page).hexdigest() == flow["archive_sha256"]
    assert b"(186.5)" in page
    of_ether = flowhouse("why", "ETHA", "2025-11-03", "--bytes", "--home", sample_home).stdout_bytes
    assert of_ether == (sample_home / "archive/farside/eth_all/20251108T120000Z.html").read_bytes()


def test_the_counts_and_the_nav_give_the_issuers_flow(sample_home, flowhouse):
    by_role = {value["role"]: value for value in asked(flowhouse, sample_home, "IBIT", "2025-11-03")}
    created = by_role["count_after"]["value"] - by_role["count_before"]["value"]
    assert by_role["count_after"]["value_date"] == "2025-11-04"  # settled a day later
    assert created * by_role["nav"]["value"] == pytest.approx(by_role["flow"]["value"], abs=60_000)
    workbook = by_role["nav"]["archive_sha256"]
    content = flowhouse("why", "IBIT", "2025-11-03", "--bytes", workbook[:12], "--home", sample_home).stdout_bytes
    assert hashlib.sha256(content).hexdigest() == workbook


def test_the_table_names_the_command_that_prints_the_bytes(sample_home, flowhouse):
    output = flowhouse("why", "IBIT", "2025-11-03", "--home", sample_home).output
    line = next(line for line in output.splitlines() if "--bytes" in line)
    printed = flowhouse(*line.split()[2:]).stdout_bytes
    assert hashlib.sha256(printed).hexdigest() in output


def test_a_week_and_a_whole_session_are_asked_at_once(sample_home, flowhouse):
    week = asked(flowhouse, sample_home, "IBIT", "2025-W45", "--source", "farside")
    assert [value["raw_text"] for value in week] == ["(186.5)", "0.0", "(375.5)", "112.4", "(131.4)"]
    session = asked(flowhouse, sample_home, "ALL", "2025-11-04", "--asset", "eth", "--source", "farside")
    total = sum(value["value"] for value in session if value["ticker"] != "TOTAL")
    assert len(session) == 10
    assert total == pytest.approx(next(value["value"] for value in session if value["ticker"] == "TOTAL"))


def test_a_total_is_that_of_each_asset_or_of_one(sample_home, flowhouse):
    both = asked(flowhouse, sample_home, "TOTAL", "2025-11-04")
    assert {value["asset"]: value["raw_text"] for value in both} == {"BTC": "(566.4)", "ETH": "(219.4)"}
    assert asked(flowhouse, sample_home, "total", "2025-11-04", "--asset", "BTC") == both[:1]
    # Two funds have the names of assets.
    said = flowhouse("why", "BTC", "2025-11-04", "--home", sample_home).output
    assert "flowhouse why TOTAL 2025-11-04 --asset BTC" in said


def test_csv_has_the_same_values(sample_home, flowhouse):
    text = flowhouse("why", "IBIT", "2025-11-03", "--format", "csv", "--home", sample_home).output
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["value"] for row in rows] == [
        str(value["value"]) for value in asked(flowhouse, sample_home, "IBIT", "2025-11-03")
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("IBI", "2025-11-04"), "There is no fund IBI: did you mean IBIT"),
        (("blackrock", "2025-11-04"), "did you mean ETHA, ETHB, IBIT?"),
        (("QQQQ", "2025-11-04"), 'There is no fund QQQQ: `flowhouse sql "from funds"` lists them.'),
        (("IBIT", "2025-11-08"), "2025-11-08 is no session of the New York Stock Exchange: ask for 2025-11-07"),
        (("IBIT", "2024-01-05"), "IBIT had no flow before 2024-01-11, its first session"),
        (("IBIT", "2031-01-02"), "2031-01-02 is outside the calendar, which is known from 2024-01-02 to "),
        (("IBIT", "yesterday"), "'yesterday' is no day: write a session like 2025-11-04, or a week like 2025-W45."),
        (("IBIT", "2025-13-41"), "'2025-13-41' is no day"),
        (("TOTAL", "2025-11-04", "--asset", "DOGE2"), "There is no fund of DOGE2: funds hold "),
        (("IBIT", "2025-11-04", "--bytes", "00000000"), "No page of these figures has a sha256 that begins with 0"),
        (("IBIT", "2025-11-04", "--bytes", "8"), "No page of these figures has a sha256 that begins with 8: give one"),
        (("IBIT", "2026-11-04", "--source", "farside", "--bytes"), "No page has shown a figure of IBIT on "),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_said_in_a_sentence(sample_home, flowhouse, words, said):
    result = flowhouse("why", *words, "--home", sample_home)
    assert result.exit_code == 2
    assert result.output.startswith("flowhouse: ")
    assert said in result.output
    assert result.output.count("\n") == 1


def test_a_session_of_which_nothing_was_seen_says_what_was(sample_home, flowhouse):
    result = flowhouse("why", "FBTC", "2025-12-10", "--format", "json", "--home", sample_home)
    assert result.exit_code == 0
    assert {value["role"] for value in json.loads(result.stdout)} == {"filing"}
    assert result.stderr == (
        "No page has shown a figure of FBTC on 2025-12-10: the newest day with one is 2025-11-07;"
        " `flowhouse status` says what is due.\n"
    )


def test_a_published_folder_alone_has_values_and_checksums(sample_home, flowhouse, tmp_path):
    shutil.copytree(sample_home / "published", tmp_path / "published", symlinks=True)
    here, there = (asked(flowhouse, home, "IBIT", "2025-11-03") for home in (sample_home, tmp_path))
    kept = ("value", "raw_text", "observed_at", "standing", "archive_sha256")
    assert [[value[name] for name in kept] for value in there] == [[value[name] for name in kept] for value in here]
    assert {value["file"] for value in there} == {None}
    result = flowhouse("why", "IBIT", "2025-11-03", "--bytes", "--home", tmp_path)
    assert result.exit_code == 2
    assert "restore the archive there" in result.output


def test_damaged_bytes_are_not_printed(sample_home, flowhouse, tmp_path):
    for name in ("published", "archive", "lake"):
        shutil.copytree(sample_home / name, tmp_path / name, symlinks=True)
    (page,) = (tmp_path / "archive/farside/btc_all").glob("*.html")
    page.write_bytes(page.read_bytes().replace(b"(186.5)", b"(186.4)"))
    result = flowhouse("why", "IBIT", "2025-11-03", "--bytes", "--home", tmp_path)
    assert result.exit_code == 1
    assert "does not have the sha256 of its meta.json" in result.output


def test_every_flow_of_the_sample_is_found_with_its_figure(sample_home, flowhouse):
    """One session against the sample's own table of facts."""
    with (Path(sample.__file__).parent / "btc_flows.csv").open() as file:
        facts = next(row for row in csv.DictReader(file) if row["value_date"] == "2025-10-30")
    found = asked(flowhouse, sample_home, "ALL", "2025-10-30", "--asset", "BTC", "--source", "farside")
    expected = {ticker: float(text) * 1e6 for ticker, text in facts.items() if ticker not in ("value_date", "total")}
    assert {value["ticker"]: value["value"] for value in found if value["ticker"] != "TOTAL"} == pytest.approx(expected)


@pytest.mark.parametrize("day", ["2024-05-02", "2024-05-01"])
def test_a_fund_abroad_without_flows_says_how_to_give_them(sample_home, flowhouse, day):
    result = flowhouse("why", "3042", day, "--home", sample_home)
    assert result.exit_code == 2
    assert "No flow of 3042, a fund of Hong Kong, was read here: give a CSV of yours with" in result.output
