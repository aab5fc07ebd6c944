"""`flowhouse mcp` over real standard input and output: what it says, what it refuses, and which build it reads."""

import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from orchestration.mcp.catalogue import DESK, unit_of
from orchestration.mcp.querying import MOST_BYTES, SECONDS

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
FOR_EVER = "select sum(hash(n)) from range(1000000000000) as numbers(n)"
IBIT = {"ticker": "IBIT", "trade_date": "2025-11-03"}


def told(result) -> str:
    """The text of an answer, or of a refusal."""
    return result.content[0].text


def small_home(home: Path, build_id: str, days: int, built_at: str = "2026-01-05T06:00:00Z", is_sample=False) -> None:
    """Publish a build with one mart of as many rows."""
    folder = home / "published" / build_id
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute("create schema marts; create table marts.days (value_date date primary key, worth_usd double)")
        con.execute("comment on table marts.days is 'One row per day. No more is known.'")
        con.execute(f"insert into marts.days select date '2026-01-01' + n::integer, n from range({days}) as r(n)")
    manifest = {"build_id": build_id, "built_at": built_at, "is_sample": is_sample, "as_of": None, "failed_sources": []}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    link = home / "published" / "latest"
    link.unlink(missing_ok=True)
    link.symlink_to(build_id)


def test_the_desk_marts_are_listed_first_with_grain_rows_and_newest_date(ask):
    marts = ask("list_marts").structured_content["marts"]
    there = [mart for mart in DESK if mart in {each["name"] for each in marts}]
    assert [mart["name"] for mart in marts[: len(there)]] == there
    assert all(mart["grain"].startswith("One row per ") and mart["grain"].endswith(".") for mart in marts)
    flows = next(mart for mart in marts if mart["name"] == "etf_flows_daily")
    assert flows == {
        "name": "etf_flows_daily",
        "grain": "One row per fund, session and source.",
        "is_desk": False,
        "rows": 631,
        "newest": "2025-11-10",
        "newest_by": "trade_date",
    }


def test_a_mart_is_described_with_units_key_and_what_says_whether_it_is_complete(ask):
    mart = ask("describe_mart", mart="marts.etf_fund_daily").structured_content
    assert mart["key"] == ["ticker", "trade_date"]
    assert "is_reported" in mart["says_whether_complete"]
    columns = {column["name"]: column for column in mart["columns"]}
    assert columns["net_flow_usd"]["unit"] == "US dollars"
    assert columns["held_native"]["unit"] == "coins of the row's asset"
    assert columns["trade_date"]["meaning"].startswith("NYSE session")
    assert all(column["meaning"] for column in mart["columns"])
    assert "did you mean etf_fund_daily" in told(ask("describe_mart", mart="fund_daily"))


def test_every_column_that_is_an_amount_has_a_unit(sample_home):
    with duckdb.connect(str(sample_home / "published/latest/warehouse.duckdb"), read_only=True) as con:
        names = con.sql(
            "select distinct column_name from duckdb_columns() where schema_name = 'marts' and data_type in"
            " ('DOUBLE', 'DECIMAL(38,8)', 'DATE', 'TIMESTAMP')"
        ).fetchall()
    without = {name for (name,) in names if unit_of(name) is None}
    ratios = {
        *("absorption_ratio", "absorption_ratio_gross", "ratio", "liveliness", "mvrv", "nupl", "sopr", "tolerance"),
        *("as_of", "index_value", "absorption_ratio_adjusted_low", "absorption_ratio_adjusted_high", "echo_ratio"),
        "excess_deviations",
    }
    assert without <= ratios


def test_only_a_column_that_is_a_marts_own_has_a_unit(ask):
    answer = ask(
        "query",
        sql="select net_assets_usd / 1e9 as net_assets_usd, net_flow_usd as net_flow_native, max(held_native) over () m"
        " from etf_fund_daily where ticker = 'IBIT' limit 1",
    ).structured_content
    assert [column["unit"] for column in answer["columns"]] == [None, "US dollars", "coins of the row's asset"]
    answer = ask(
        "query", sql="select net_flow_native from (select net_flow_usd as net_flow_native from etf_fund_daily)"
    ).structured_content
    assert [column["unit"] for column in answer["columns"]] == [None]


def test_a_sum_over_sources_and_conventions_is_warned_of(ask):
    mixed = "select week_start_date, sum(net_flow_native) from etf_flows_weekly where ticker = 'IBIT' group by 1"
    (warning,) = ask("query", sql=mixed).structured_content["warnings"]
    assert warning.startswith("etf_flows_weekly has a row for each source and dating_convention, which the query does")
    chosen = mixed.replace("where", "where source = 'issuer' and dating_convention = 'trade_date' and")
    assert ask("query", sql=chosen).structured_content["warnings"] == []


def test_a_query_says_units_and_what_is_not_complete(ask):
    sql = "select ticker, net_flow_usd, is_reported from etf_flows_daily where trade_date = '2025-11-10' order by 1"
    answer = ask("query", sql=sql).structured_content
    assert [(column["name"], column["unit"]) for column in answer["columns"]][1] == ("net_flow_usd", "US dollars")
    assert answer["rows"] == [["IBIT", None, False]]
    assert answer["completeness"] == [
        "1 of 1 rows have is_reported false: their figures are not final or not all there."
    ]
    silent = ask("query", sql="select net_flow_usd from etf_flows_daily limit 1").structured_content
    assert "etf_flows_daily says in is_reported whether a figure is all there" in silent["completeness"][0]
    assert silent["marts"] == [{"name": "etf_flows_daily", "grain": "One row per fund, session and source."}]


def test_rows_and_bytes_have_limits(ask):
    answer = ask("query", sql="from range(5000)", limit=1000).structured_content
    assert (answer["row_count"], answer["has_more_rows"]) == (1000, True)
    assert not ask("query", sql="from range(5)", limit=5).structured_content["has_more_rows"]
    wide = ask("query", sql="select repeat('x', 30000) as word from range(100)").structured_content
    assert wide["has_more_rows"]
    assert len(json.dumps(wide["rows"])) <= MOST_BYTES
    assert "One row is larger than" in told(ask("query", sql="select repeat('x', 300000)"))
    assert ask("query", sql="select 1", limit=100_000).is_error


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("drop table funds", "Only a statement that reads is run"),
        ("insert into funds (ticker) values ('X')", "Only a statement that reads is run"),
        ("create temp table x as select 1", "Only a statement that reads is run"),
        ("attach 'x.db'", "Only a statement that reads is run"),
        ("copy funds to 'funds.csv'", "Only a statement that reads is run"),
        ("export database 'x'", "Only a statement that reads is run"),
        ("install httpfs", "Only a statement that reads is run"),
        ("set memory_limit = '10GB'", "Only a statement that reads is run"),
        ("pragma database_list", "Only a statement that reads is run"),
        ("-- why not\n/* or */ pragma version", "Only a statement that reads is run"),
        ("call pragma_version()", "Only a statement that reads is run"),
        ("explain analyze select 1", "Only a statement that reads is run"),
        ("select 1; select 2", "Give one statement: there are 2."),
        ("select 1; drop table funds", "Give one statement: there are 2."),
        ("-- nothing", "Give one statement: there are none."),
        ("select * from read_csv('/etc/passwd')", "file system operations are disabled"),
        ("from read_text('/proc/self/environ')", "file system operations are disabled"),
        ("from glob('/*')", "disabled"),
        ("from '/etc/passwd'", "does not exist"),
        ("from 'http://127.0.0.1:9/x.parquet'", "disabled"),
        ("select * from query('drop table funds')", "The query does not run"),
        ("from warehouse", "does not exist"),
        ("selec 1", "syntax error"),
    ],
)
def test_what_does_not_read_the_marts_is_refused_in_one_sentence(ask, sql, said):
    result = ask("query", sql=sql)
    assert result.is_error
    assert said in told(result)
    assert "\n" not in told(result)


def test_an_endless_query_is_ended_and_the_next_one_answered(ask):
    began = time.monotonic()
    result = ask("query", sql=FOR_EVER)
    assert SECONDS <= time.monotonic() - began < SECONDS + 10
    assert f"The query was ended after {SECONDS} s" in told(result)
    assert ask("query", sql="select 1").structured_content["rows"] == [[1]]


def test_a_claim_has_its_quote_and_each_way_in_which_it_was_checked(ask):
    ledger = ask("claims").structured_content["claims"]
    assert len(ledger) == 74
    one = ask("claims", claim_id="a36").structured_content
    assert one["claim"]["quote"] == "IBIT took in less than 600 BTC a week in the last three weeks"
    assert {check["check"]: check["verdict"] for check in one["checks"]}["trade_date"] == "contradicted"
    assert "There is no claim Z9" in told(ask("claims", claim_id="Z9"))


def test_a_figure_is_cited_down_to_its_page(ask, sample_home):
    cited = ask("cite", mart="etf_fund_daily", key=IBIT, column="net_flow_usd").structured_content
    assert (cited["figure"]["unit"], cited["figure"]["key"]) == ("US dollars", IBIT)
    again = ask("query", sql=cited["query"]).structured_content
    assert again["rows"] == [["IBIT", "2025-11-03", cited["figure"]["value"]]]
    printed = next(each for each in cited["observations"] if each["role"] == "flow")
    assert (printed["raw_text"], printed["standing"]) == ("(186.5)", "counts")
    page = next(page for page in cited["pages"] if page["sha256"] == printed["archive_sha256"])
    assert page["url"] == "https://farside.co.uk/bitcoin-etf-flow-all-data/"
    assert page["fetched_at"] == "2025-11-08T12:00:00Z"
    assert b"(186.5)" in (sample_home / page["file"]).read_bytes()
    assert {each["role"] for each in cited["observations"]} >= {"flow", "nav", "count_before", "count_after", "filing"}


@pytest.mark.parametrize(
    ("mart", "key", "column", "sources"),
    [
        ("etf_flows_daily", {**IBIT, "source": "issuer"}, "net_flow_usd", {"ishares", "filing"}),
        (
            "etf_fund_weekly",
            {"ticker": "IBIT", "week_start_date": "2025-11-03"},
            "net_flow_usd",
            {"farside", "ishares", "filing"},
        ),
        ("etf_market_daily", {"asset": "BTC", "trade_date": "2025-11-03"}, "cumulative_flow_usd", {"farside"}),
        ("etf_holdings_daily", {"ticker": "IBIT", "as_of_date": "2025-11-03"}, "native_held", {"ishares", "filing"}),
        (
            "market_prices_daily",
            {"asset": "BTC", "venue": "binance", "price_date": "2025-11-04"},
            "close_usd",
            {"binance_vision"},
        ),
        (
            "market_sentiment_daily",
            {"provider": "alternative_me", "value_date": "2025-11-04"},
            "index_value",
            {"alternative_me"},
        ),
        (
            "onchain_holder_supply_daily",
            {"series": "published_utxo", "value_date": "2025-11-03"},
            "lth_native",
            {"holder_series"},
        ),
        (
            "demand_vs_supply_weekly",
            {"flow_source": "farside", "week_start_date": "2025-11-03"},
            "absorption_ratio",
            {"farside", "holder_series"},
        ),
        (
            "demand_vs_supply_daily",
            {"asset": "BTC", "value_date": "2025-11-07", "window_days": 7, "is_preferred": True},
            "lth_net_change_native",
            {"farside", "holder_series"},
        ),
        ("etf_filings", {"ticker": "IBIT", "quarter_end_date": "2025-09-30"}, "filed_native", {"etf_filings"}),
    ],
)
def test_each_kind_of_figure_leads_to_its_pages(ask, mart, key, column, sources):
    cited = ask("cite", mart=mart, key=key, column=column).structured_content
    assert {page["source"] for page in cited["pages"]} >= sources
    assert all(page["sha256"] or page["url"].startswith("https://") for page in cited["pages"])
    for made_of in cited["made_of"]:
        assert not ask("query", sql=made_of["query"]).is_error, made_of
    assert ask("query", sql=cited["query"]).structured_content["rows"][0][-1] == cited["figure"]["value"]


def test_a_figure_without_a_page_says_what_it_is_from(ask):
    key = {"asset": "BTC", "network": "regtest", "value_date": "2025-10-01"}
    chain = ask("cite", mart="onchain_value_daily", key=key, column="supply_native").structured_content
    assert chain["notes"] == ["No page: computed from the records of a node of the network regtest."]
    claim = ask("cite", mart="claims", key={"claim_id": "A36"}, column="observed_value").structured_content
    assert "IBIT took in less than 600 BTC a week" in claim["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"mart": "etf_flows_daily", "key": IBIT, "column": "net_flow_usd"},
            "2 rows have this key: add source (source: farside, issuer).",
        ),
        (
            {"mart": "etf_fund_daily", "key": {**IBIT, "trade_date": "2025-11-08"}, "column": "net_flow_usd"},
            "has no such row: its key is ticker, trade_date.",
        ),
        ({"mart": "etf_fund_daily", "key": {"fund": "IBIT"}, "column": "net_flow_usd"}, "has no column fund"),
        ({"mart": "etf_fund_daily", "key": IBIT, "column": "flow"}, "has no column flow"),
        ({"mart": "etf_fund_daily", "key": {}, "column": "net_flow_usd"}, "The key is empty"),
        (
            {"mart": "etf_fund_daily", "key": {**IBIT, "trade_date": "tuesday"}, "column": "net_flow_usd"},
            "does not fit its column",
        ),
        ({"mart": "nowhere", "key": IBIT, "column": "net_flow_usd"}, "There is no mart nowhere"),
        (
            {
                "mart": "etf_fund_daily",
                "key": {"ticker": "x' or '1'='1", "trade_date": "2025-11-03"},
                "column": "net_flow_usd",
            },
            "has no such row",
        ),
    ],
)
def test_what_cannot_be_cited_is_said_in_a_sentence(ask, arguments, said):
    result = ask("cite", **arguments)
    assert result.is_error
    assert said in told(result)
    assert "\n" not in told(result)


def test_answers_come_within_200_ms(ask):
    ask("list_marts")
    calls = [
        ("list_marts", {}),
        ("describe_mart", {"mart": "etf_fund_daily"}),
        ("query", {"sql": "select * from etf_fund_daily order by trade_date desc", "limit": 100}),
        ("claims", {"claim_id": "A36"}),
        ("cite", {"mart": "etf_fund_daily", "key": IBIT, "column": "net_flow_usd"}),
        (
            "cite",
            {"mart": "etf_market_daily", "key": {"asset": "BTC", "trade_date": "2025-11-03"}, "column": "net_flow_usd"},
        ),
    ]

    def slow() -> float:
        """The 95th percentile of a round, in seconds."""
        took = []
        for tool, arguments in calls * 8:
            began = time.perf_counter()
            assert not ask(tool, **arguments).is_error
            took.append(time.perf_counter() - began)
        return statistics.quantiles(took, n=20)[-1]

    assert any(slow() < 0.2 for _ in range(3))  # the machine may be busy with other tests


def test_a_newly_published_build_is_read_by_the_next_question(connect, tmp_path):
    small_home(tmp_path, "one", 3)
    with connect(tmp_path) as ask:
        count = {"sql": "select count(*) from days"}
        assert ask("query", **count).structured_content["rows"] == [[3]]
        small_home(tmp_path, "two", 5)
        shutil.rmtree(tmp_path / "published" / "one")
        answer = ask("query", **count).structured_content
        assert (answer["rows"], answer["about"]["build_id"]) == ([[5]], "two")
        assert ask("list_marts").structured_content["marts"][0]["newest"] == "2026-01-05"


def test_an_empty_home_answers_in_words_and_then_with_what_is_published(connect, tmp_path):
    with connect(tmp_path / "none") as ask:
        for tool, arguments in {"list_marts": {}, "query": {"sql": "select 1"}}.items():
            result = ask(tool, **arguments)
            assert result.is_error
            assert "run `flowhouse build` first" in told(result)
        small_home(tmp_path / "none", "one", 3)
        assert not ask("list_marts").is_error


def test_a_damaged_warehouse_is_named(connect, tmp_path):
    small_home(tmp_path, "one", 3)
    (tmp_path / "published/one/warehouse.duckdb").write_bytes(b"garbage" * 1000)
    with connect(tmp_path) as ask:
        assert "warehouse.duckdb cannot be read" in told(ask("list_marts"))


def test_an_old_build_and_the_sample_say_what_they_are(connect, tmp_path, ask):
    small_home(tmp_path, "one", 3)
    with connect(tmp_path) as ask_old:
        (note,) = ask_old("list_marts").structured_content["about"]["notes"]
        assert re.fullmatch(r"This build is \d+\.\d days old: newer figures are missing, say so\.", note)
    (note,) = ask("list_marts").structured_content["about"]["notes"]
    assert "bundled sample" in note


def test_nothing_but_the_protocol_is_on_standard_output(tmp_path):
    small_home(tmp_path, "one", 3)
    messages = [
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": "drop table days"}}},
        {"id": 3, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": "from days"}}},
        {"id": 4, "method": "tools/call", "params": {"name": "nothing", "arguments": {}}},
        {"id": 5, "method": "no/such"},
    ]
    with subprocess.Popen(
        [FLOWHOUSE, "mcp", "--home", tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"".join(json.dumps({"jsonrpc": "2.0", **each}).encode() + b"\n" for each in messages))
        process.stdin.write(b"no json at all\n")
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(5)]
        process.stdin.close()
        rest = process.stdout.read()
        assert process.wait(20) == 0
    assert {answer["id"] for answer in answers} == {1, 2, 3, 4, 5}
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
