"""`flowhouse sql`: formats, what is refused, and answers as of a time."""

import json

import pytest


def test_sql_answers_in_three_formats(sample_home, flowhouse):
    query = "select ticker, fee_bps from funds where ticker in ('IBIT', 'GBTC') order by ticker"
    table = flowhouse("sql", query, "--home", sample_home)
    assert "GBTC" in table.output
    csv = flowhouse("sql", query, "--format", "csv", "--home", sample_home)
    assert csv.output == "ticker,fee_bps\nGBTC,150\nIBIT,25\n"
    parsed = json.loads(flowhouse("sql", query, "--format", "json", "--home", sample_home).output)
    assert parsed == [{"ticker": "GBTC", "fee_bps": 150}, {"ticker": "IBIT", "fee_bps": 25}]


@pytest.mark.parametrize("statement", ["drop table marts.funds", "selec 1", "select * from nowhere"])
def test_sql_only_reads_and_says_what_is_wrong(sample_home, flowhouse, statement):
    result = flowhouse("sql", statement, "--home", sample_home)
    assert result.exit_code == 2
    assert "The query does not run" in result.output
    assert "Traceback" not in result.output


def test_the_as_of_macro_answers_from_the_command_line(sample_home, flowhouse):
    count = "select count(*) as n from etf_flows_daily_as_of('{}') where source = 'issuer'"
    before = flowhouse("sql", count.format("2025-11-10 00:00"), "--format", "csv", "--home", sample_home)
    after = flowhouse("sql", count.format("2025-11-12 00:00"), "--format", "csv", "--home", sample_home)
    assert before.output == "n\n0\n"
    assert after.output == "n\n31\n"


def test_a_query_before_any_build_says_to_build(tmp_path, flowhouse):
    result = flowhouse("sql", "select 1", "--home", tmp_path)
    assert result.exit_code == 2
    assert "run `flowhouse build` first" in result.output
