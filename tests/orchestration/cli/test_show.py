"""`flowhouse show`: the parts of the desk, in a terminal, for programs, and where there is little to show."""

import csv
import io
import json
import shutil
from datetime import datetime

import duckdb
import pytest

from orchestration.cli import show
from orchestration.cli.sparkline import sparkline

PARTS = ["week", "month", "funds", "holders"]


@pytest.fixture
def edited(sample_home, tmp_path):
    """A copy of the sample's home as if it were no sample, with its published warehouse changed by SQL."""

    def edit(*statements: str):
        home = tmp_path / "home"
        folder = home / "published/20260101T000000Z-edited"
        shutil.copytree((sample_home / "published/latest").resolve(), folder)
        (home / "published/latest").symlink_to(folder.name)
        with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
            for statement in statements:
                con.execute(statement)
        return home

    return edit


@pytest.fixture
def terminal(monkeypatch):
    """Let standard output be a terminal of that size; what goes to the pager is listed."""
    paged = []

    def become(columns: int = 120, lines: int = 100, kind: str = "xterm"):
        monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
        for name, value in {"COLUMNS": columns, "LINES": lines, "TERM": kind}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr("click.echo_via_pager", paged.append)
        return paged

    return become


def week(output: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output)))


# What it shows


def test_the_whole_desk_has_every_part_with_its_date_age_and_completeness(sample_home, flowhouse, monkeypatch):
    monkeypatch.setattr(show, "now", lambda: datetime(2025, 11, 11))
    output = flowhouse("show", "--home", sample_home).output
    assert output.startswith("The desk, BTC, built ")
    assert "from the bundled sample" in output.splitlines()[0]
    headings = [output.index(f"\n{name}: ") for name in ("Week", "Month", "Funds", "Holders")]
    assert headings == sorted(headings)
    assert output.count("\nTo 2025-11-07, 4 days ago; ") == 3
    assert output.count("\nTo 2025-11-10, 1 day ago; lacks fund flows (3 rows).") == 1


def test_the_sample_is_never_old(sample_home, flowhouse):
    assert "(old)" not in flowhouse("show", "--home", sample_home).output


def test_a_part_has_the_figures_of_its_mart(sample_home, flowhouse, rows):
    shown = json.loads(flowhouse("show", "week", "--format", "json", "--home", sample_home).output)
    mart = rows(
        sample_home / "published/latest",
        "select cast(trade_date as text), net_flow_usd / 1e6, flow_streak_sessions from marts.etf_market_daily"
        " where asset = 'BTC' and trade_date >= '2025-11-03' order by trade_date",
    )
    assert [(row["session"], row["US$ m"], row["streak"]) for row in shown] == mart
    assert mart[-2][1] is not None
    assert mart[-1][1] is None  # the session that nobody has reported yet


def test_windows_of_holders_are_those_of_the_preferred_row(edited, flowhouse, rows):
    home = edited(
        "insert into marts.demand_vs_supply_daily select * replace ('other' as holder_series, false as is_preferred)"
        " from marts.demand_vs_supply_daily"
    )
    shown = json.loads(flowhouse("show", "holders", "--format", "json", "--home", home).output)
    mart = rows(
        home / "published/latest",
        "select window_days, cast(lth_net_change_native as double) from marts.demand_vs_supply_daily"
        f" where asset = 'BTC' and is_preferred and value_date = '{shown[0]['as of']}' order by window_days",
    )
    assert [(row["days"], row["holders' change"]) for row in shown] == mart
    assert mart[0][1] is not None


def test_funds_are_those_of_the_asset_the_largest_first(sample_home, flowhouse):
    shown = json.loads(flowhouse("show", "funds", "--asset", "btc", "--format", "json", "--home", sample_home).output)
    assets = [row["US$ bn"] for row in shown if row["US$ bn"] is not None]
    assert assets == sorted(assets, reverse=True)
    assert {row["fund"] for row in shown} >= {"IBIT", "FBTC"}


# Formats


def test_json_has_each_part_by_name_and_csv_the_week(sample_home, flowhouse):
    assert [*json.loads(flowhouse("show", "--format", "json", "--home", sample_home).output)] == PARTS
    shown = week(flowhouse("show", "--format", "csv", "--home", sample_home).output)
    assert shown == week(flowhouse("show", "week", "--format", "csv", "--home", sample_home).output)
    assert [row["US$ m"] == "" for row in shown] == [False] * 5 + [True]


def test_a_pipe_gets_plain_text_without_small_charts(sample_home, flowhouse):
    assert not set(flowhouse("show", "--home", sample_home).output) & set("▁▂▃▄▅▆▇█")


def test_a_terminal_gets_small_charts_where_it_has_room(sample_home, flowhouse, terminal):
    terminal(120)
    wide = flowhouse("show", "funds", "--home", sample_home).output
    assert any(set(line) & set("▁▂▃▄▅▆▇█") for line in wide.splitlines() if "IBIT" in line)
    terminal(80)
    assert not set(flowhouse("show", "funds", "--home", sample_home).output) & set("▁▂▃▄▅▆▇█")
    assert "Its last 20 sessions: " in flowhouse("show", "month", "--home", sample_home).output


def test_a_dumb_terminal_gets_none(sample_home, flowhouse, terminal):
    terminal(120, kind="dumb")
    assert not set(flowhouse("show", "--home", sample_home).output) & set("▁▂▃▄▅▆▇█")


def test_every_part_fits_a_terminal_of_80_columns(sample_home, flowhouse, terminal):
    terminal(80)
    output = flowhouse("show", "--home", sample_home).output
    assert max(map(len, output.splitlines())) <= 80
    assert "session " in output  # a heading of a table, not a line per column


def test_only_what_is_longer_than_the_screen_goes_through_the_pager(sample_home, flowhouse, terminal):
    paged = terminal(lines=20)
    assert flowhouse("show", "--home", sample_home).output == ""
    assert "Holders: " in paged[0]
    assert "Week: " in flowhouse("show", "week", "--home", sample_home).output
    assert len(paged) == 1


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([0, 7, 3.5, None, -7], "▅█▆ ▁"), ([2, 2], "▁▁"), ([None], " "), ([], ""), ([-1, 1], "▁█")],
)
def test_a_small_chart_has_a_block_per_figure(values, drawn):
    assert sparkline(values) == drawn


# Where there is little to show


def test_an_asset_without_holders_says_so_in_one_line(sample_home, flowhouse):
    output = flowhouse("show", "holders", "--asset", "ETH", "--home", sample_home).output
    assert output.splitlines()[-1].startswith("No supply of its long-term holders is stored")


def test_an_unknown_asset_is_wrong_use(sample_home, flowhouse):
    result = flowhouse("show", "--asset", "NONE", "--home", sample_home)
    assert result.exit_code == 2
    assert "There is no asset NONE here: give one of AVAX, BTC, DOGE, " in result.output


def test_a_home_without_anything_published_is_wrong_use(tmp_path, flowhouse):
    result = flowhouse("show", "--home", tmp_path)
    assert result.exit_code == 2
    assert "Nothing is published below" in result.output


def test_a_warehouse_without_any_figure_says_so_part_by_part(edited, flowhouse):
    home = edited(
        *(f"delete from marts.{mart}" for mart in ("etf_market_daily", "etf_fund_daily", "demand_vs_supply_daily"))
    )
    result = flowhouse("show", "--home", home)
    assert result.exit_code == 0
    assert result.output.count("`flowhouse build` reads a publisher's page.") == 3
    assert result.output.count("`flowhouse ingest bitcoin` reads a node.") == 1
    assert json.loads(flowhouse("show", "--format", "json", "--home", home).output) == {part: [] for part in PARTS}


def test_old_figures_are_called_old_and_the_way_to_newer_ones_is_named_once(edited, flowhouse):
    output = flowhouse("show", "--home", edited()).output
    assert output.count("(old)") == 4
    assert output.count("`flowhouse build --live` asks for newer figures") == 1


def test_without_a_node_a_line_says_what_is_not_known(edited, flowhouse):
    home = edited("update marts.demand_vs_supply_daily set lth_spent_native = null, apparent_demand_native = null")
    output = flowhouse("show", "holders", "--home", home).output
    assert "Without a node, what holders spent and apparent demand are not known." in output
    assert "holders spent " not in output.replace("what holders spent", "")


def test_what_is_missing_stands_in_the_heading(edited, flowhouse):
    home = edited(
        "update marts.etf_market_daily set is_complete = false, funds_reported = funds_expected - 2"
        " where asset = 'BTC' and trade_date = '2025-11-07'",
        "update marts.demand_vs_supply_daily set missing = 'final days', has_internal_move = true",
    )
    output = flowhouse("show", "--home", home).output
    assert "; lacks 2 of 11 funds; 1 later session without a report." in output
    assert "; lacks 1 of its sessions." in output
    assert "; lacks final days (3 rows)." in output
    assert "An owner is known to have moved coins" in output


def test_a_warehouse_of_an_earlier_version_names_the_way_out(edited, flowhouse):
    result = flowhouse("show", "--home", edited("drop table marts.etf_market_daily"))
    assert result.exit_code == 2
    assert "What is published has no marts of the desk yet: run `flowhouse build`" in result.output
