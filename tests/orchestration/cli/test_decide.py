"""`flowhouse accept` and `flowhouse reject`, from a page that was held back to what a query gives."""

import re
from datetime import date, datetime, timedelta

import pytest
from flow_pages import FUNDS, put_page

from ingestion.sample.pages import flow_page
from ingestion.sources import farside

DAYS = [day for n in range(20) if (day := date(2025, 10, 1) + timedelta(days=n)).weekday() < 5]
AT = datetime(2025, 10, 8, 1)


def page(days, factor=1):
    rows = [(day, [f"{10.0 * factor * (n + 1)}", *["2.0"] * (len(FUNDS) - 1)]) for n, day in enumerate(days)]
    return flow_page(FUNDS, [(day, cells, f"{float(cells[0]) + 20:.1f}") for day, cells in rows])


@pytest.fixture
def home(tmp_path, flowhouse):
    """A home with two good pages and one that doubles the figures of a fund."""
    for n in range(3):
        put_page(tmp_path / "replay", AT + timedelta(days=n), page(DAYS[: 5 + n], factor=2 if n == 2 else 1))
    home = tmp_path / "home"
    result = flowhouse("ingest", "farside", "--replay", tmp_path / "replay", "--home", home)
    assert result.exit_code == 3
    return home


HELD = "farside/btc/20251010T010000Z"


def figure(home):
    from ingestion.lake.observations import newest_state
    from ingestion.lake.tables import Lake

    rows = newest_state(Lake(home / "lake").read("farside", "flows", {}), farside.KEY)
    return dict(rows.filter(ticker="IBIT").select("value_date", "value").iter_rows())[DAYS[0]]


def test_a_held_page_is_named_in_status_with_what_to_run(home, flowhouse):
    result = flowhouse("status", "--home", home)
    assert result.exit_code == 1
    words = " ".join(result.output.split())
    assert "it is held back: it would change 6 figures that were known, 6 of them not zero (IBIT 2025-10-01:" in words
    assert f"run `flowhouse accept {HELD}` if it is right, else `flowhouse reject {HELD}`" in words


def test_accept_lets_it_in_and_reject_takes_that_back(home, flowhouse):
    assert figure(home) == 10e6
    result = flowhouse("accept", HELD, "--home", home)
    assert result.exit_code == 0, result.output
    assert f"{HELD} is accepted." in result.output
    assert "Run `flowhouse build`" in result.output
    assert figure(home) == 20e6
    assert flowhouse("reject", HELD, "--home", home).exit_code == 0
    assert figure(home) == 10e6
    assert flowhouse("accept", HELD, "--home", home).exit_code == 0
    assert figure(home) == 20e6
    record = (home / "archive" / f"{HELD}.decision.json").read_text()
    assert re.findall(r'"decision": "(\w+)"', record) == ["accept", "reject", "accept"]


def test_decisions_go_along_where_an_archive_is_replayed(home, flowhouse, tmp_path):
    flowhouse("accept", HELD, "--home", home)
    other = tmp_path / "other"
    result = flowhouse("ingest", "farside", "--replay", home / "archive", "--home", other)
    assert result.exit_code == 0, result.output
    assert figure(other) == 20e6


@pytest.mark.parametrize(
    ("command", "capture", "said"),
    [
        ("accept", "farside/btc/20251008T010000Z", "is read already: there is nothing to decide."),
        ("accept", "farside/btc/20250101T000000Z", "is no capture of the archive"),
        ("reject", "farside/../../20250101T000000Z", "is no capture of the archive"),
        ("reject", "nobody/btc/20250101T000000Z", "nobody is no source"),
        ("reject", "farside", "is no capture of the archive"),
    ],
)
def test_what_cannot_be_decided_is_said_and_changes_nothing(home, flowhouse, command, capture, said):
    result = flowhouse(command, capture, "--home", home)
    assert result.exit_code == 2
    assert said in result.output
    assert not [*home.rglob("*.decision.json")]


def test_a_page_that_was_refused_cannot_be_accepted(home, flowhouse, tmp_path):
    put_page(tmp_path / "more", AT + timedelta(days=4), b"a challenge page")
    flowhouse("ingest", "farside", "--replay", tmp_path / "more", "--home", home)
    result = flowhouse("accept", "farside/btc/20251012T010000Z", "--home", home)
    assert result.exit_code == 2
    assert "cannot be accepted: the page has no flow table" in result.output


def test_an_unreadable_record_of_decisions_is_named_and_kept(home, flowhouse):
    record = home / "archive" / f"{HELD}.decision.json"
    record.write_text('[{"decision": "perhaps"}]')
    result = flowhouse("accept", HELD, "--home", home)
    assert result.exit_code == 1
    assert f"{HELD.removeprefix('farside/')}.decision.json in the archive is not a record of decisions" in result.output
    assert record.read_text() == '[{"decision": "perhaps"}]'


@pytest.mark.parametrize("table", ["known", "flows", "captures"])
def test_a_decision_does_not_rest_on_a_damaged_table(home, flowhouse, table):
    stored = home / f"lake/farside/{table}/{table}.parquet"
    stored.write_bytes(stored.read_bytes()[:100])
    assert flowhouse("accept", HELD, "--home", home).exit_code == 0
    assert figure(home) == 20e6
