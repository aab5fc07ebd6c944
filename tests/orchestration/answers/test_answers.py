"""Answers: their front matter, and that each one runs on the sample, translates to Spark and names no venue."""

import re
from collections.abc import Iterator

import duckdb
import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from orchestration.answers.answers import AnswerMalformed, answers, parse, shown_in

ANSWERS = pytest.mark.parametrize("answer", answers().values(), ids=lambda answer: answer.name)
ALL = "All funds"
HEAD = "-- question: Who?\n-- grain: One row per week.\n-- shown: build 20, example 10\n"
EMPTY_ON_THE_SAMPLE = {
    *("reporting_latency", "first_prints", "changed_verdicts", "revisions", "source_disagreements"),
    *("stress_liquidations", "stress_stablecoins", "echo"),
}
"""No session of the sample was watched while it was reported; no verdict may change here, and no figure did. Of the
market under stress it has neither liquidations, which nobody lets pass on, nor minutes of stablecoins. It ends half a
year before the echo of Coinbase's move."""


@pytest.fixture
def warehouse(sample_home, monkeypatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """The sample's published warehouse, from the folder above the home, as the queries on the archive expect."""
    monkeypatch.chdir(sample_home.parent)
    with duckdb.connect(str(sample_home / "published/latest/warehouse.duckdb"), read_only=True) as con:
        yield con


# Front matter


def test_front_matter_is_read_and_the_query_is_what_follows():
    answer = parse("who", f"{HEAD}-- marts: funds, claims\n-- reading: Blue\n--   is in.\n\n-- a reason\nselect 1\n")
    assert (answer.name, answer.question, answer.grain) == ("who", "Who?", "One row per week.")
    assert answer.shown == {"build": 20, "example": 10}
    assert answer.marts == ("funds", "claims")
    assert answer.reading == "Blue is in."
    assert answer.sql == "-- a reason\nselect 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1", "who.sql: add grain, question, shown to the front matter."),
        (HEAD.replace("-- grain: One row per week.\n", ""), "who.sql: add grain to the front matter."),
        (f"{HEAD}-- colour: blue\n", "who.sql: remove colour from the front matter."),
        (HEAD.replace("build 20", "wall 20"), "who.sql: expected shown in one of build, .*, got wall."),
    ],
)
def test_malformed_front_matter_says_what_to_change(text, message):
    with pytest.raises(AnswerMalformed, match=message):
        parse("who", text)


def test_a_place_shows_its_answers_by_rank():
    ranks = [answer.shown["build"] for answer in shown_in("build")]
    assert ranks == sorted(ranks)
    assert shown_in("build")[0].name == "ibit_weeks"


@pytest.mark.parametrize("place", ["build", "tile", "chart", "stress", "table", "example"])
def test_no_two_answers_of_a_place_have_one_rank(place):
    ranks = [answer.shown[place] for answer in shown_in(place)]
    assert len(ranks) == len(set(ranks)) > 0


@ANSWERS
def test_an_answer_states_its_grain_and_the_marts_it_reads(answer):
    assert answer.grain.startswith("One row per ")
    read = [table.this for table in query(answer.sql).find_all(exp.Table) if table.db == "marts"]
    assert {table.name for table in read} == set(answer.marts)


@pytest.mark.parametrize("place", ["tile", "chart", "stress", "table"])
def test_what_the_report_shows_says_how_to_read_it_and_what_it_means_when_empty(place):
    assert all(answer.reading and answer.empty for answer in shown_in(place))


# Queries


@ANSWERS
def test_an_answer_runs_on_the_sample(answer, warehouse):
    figure = warehouse.sql(answers()["figure_to_bytes"].sql).fetchall()[0]
    parameters = {"claim_checks": ["A36"], "file_of_bytes": [figure[-1]]}
    parameters |= {one.name: ["BTC"] for one in shown_in("show")}
    rows = warehouse.execute(answer.sql, parameters.get(answer.name, [])).fetchall()
    assert (rows == []) == (answer.name in EMPTY_ON_THE_SAMPLE)


@ANSWERS
def test_an_answer_translates_to_spark(answer):
    assert obstacles_to_spark(answer.sql) == []


@pytest.mark.parametrize(
    "sql",
    [
        "select a, count(*) from marts.funds group by all",
        "select a from marts.funds qualify row_number() over (order by a) = 1",
        "from marts.funds",
        "with newest as (from marts.funds) select a from newest",
        "select a from marts.funds asof join marts.claims using (a)",
        "select list_transform([1], x -> x + 1)",
        "select cast(a as hugeint) from marts.funds",
        "select columns(*) from marts.funds",
        "select a from marts.funds where",
    ],
)
def test_what_spark_does_not_run_is_found(sql):
    assert obstacles_to_spark(sql) != []


@ANSWERS
def test_no_answer_names_a_venue(answer):
    assert venues_named(answer.sql) == []


@pytest.mark.parametrize(
    "condition", ["venue = 'binance'", "'binance' = t.venue", "venue in ('a', 'b')", "lower(venue) like 'bin%'"]
)
def test_a_named_venue_is_found(condition):
    assert venues_named(f"select 1 from marts.market_prices_daily as t where {condition}") != []


def test_the_price_is_that_of_the_venue_with_the_most_recent_days():
    with duckdb.connect() as con:
        con.execute("create schema marts")
        con.execute(
            "create table marts.market_price_trend_daily as"
            " select 'BTC' as asset, venue, date '2025-01-01' + cast(n as integer) as price_date,"
            " price as close_usd, null as sma_200d_usd"
            " from range(400) as days(n), (values ('long', 1, 0, 300), ('new', 2, 250, 400), ('same', 3, 250, 400))"
            " as venues(venue, price, first, last) where n between first and last"
        )
        con.execute(
            "create table marts.onchain_value_daily"
            " (asset varchar, network varchar, value_date date, realized_price_usd double)"
        )
        found = con.sql(answers()["price"].sql).fetchall()
    assert {close for _, close, _, _ in found} == {2}
    assert len(found) == 150


# Which funds, sources and series they rest on


@pytest.fixture
def con(sample_home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The marts that answers read, of the sample, to be changed."""
    with duckdb.connect() as con:
        con.execute(f"attach '{sample_home / 'published/latest/warehouse.duckdb'}' as sample (read_only)")
        con.execute("create schema marts")
        for mart in {mart for answer in answers().values() for mart in answer.marts} - {"etf_flows_daily_as_of"}:
            con.execute(f"create table marts.{mart} as from sample.marts.{mart}")
        yield con


WITHOUT_A_TOTAL = ("etf_market_flows_weekly", "etf_flows_weekly", "etf_reporting_latency", "etf_observations")
OF_FLOWS = ("absorption", "absorption_weeks", "all_funds_by_week", "fund_weeks", "holders", "ibit", "who_absorbed")


def without_the_aggregator(con: duckdb.DuckDBPyConnection) -> None:
    for mart in WITHOUT_A_TOTAL:
        con.execute(f"delete from marts.{mart} where source = 'farside'")
    con.execute("delete from marts.demand_vs_supply_weekly where flow_source = 'farside'")


def asked(con: duckdb.DuckDBPyConnection, name: str) -> list[dict]:
    result = con.sql(answers()[name].sql)
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


@pytest.mark.parametrize("name", [*OF_FLOWS, "figure_to_bytes", "ibit_weeks"])
def test_an_answer_takes_the_best_source_that_is_stored_and_says_which(con, name):
    without_the_aggregator(con)
    found = asked(con, name)
    assert found
    column = {"fund_weeks": "by", "who_absorbed": "flow_source", "ibit_weeks": "US$ by", "holders": "days"}.get(name)
    column = column or ("flows by" if name.startswith("absorption") else "source")
    assert {str(row.get(column, "issuer")).split(",")[0] for row in found} <= {"issuer", "7 of 7", "6 of 7"}


@pytest.mark.parametrize("name", ["flows_by_fund", "week_flow", "weeks_over_10000_btc", "fund_weeks", "streak_now"])
def test_a_listed_fund_without_rows_makes_the_market_incomplete(con, name):
    def whole():
        found = [row for row in asked(con, name) if row.get("asset", "BTC") == "BTC" and row.get("fund") in (None, ALL)]
        return {row.get("is complete", row.get("is_complete", row.get("reported") == row.get("expected")))
                if name != "fund_weeks" else not row["funds"].startswith("only") for row in found}  # fmt: skip

    assert True in whole()
    for mart in ("etf_fund_daily", "etf_fund_weekly"):
        con.execute(f"delete from marts.{mart} where ticker <> 'IBIT'")
    con.execute("update marts.etf_market_daily set funds_reported = 1")
    con.execute("update marts.etf_market_flows_weekly set funds_reported = 1, is_complete = false")
    assert whole() == {False}


def test_the_week_is_the_newest_with_most_funds_where_none_has_all(con):
    con.execute("delete from marts.etf_fund_weekly where ticker = 'GBTC'")
    con.execute(
        "update marts.etf_fund_weekly set is_complete = false where week_start_date = '2025-11-03' and ticker <> 'IBIT'"
    )
    week = next(row for row in asked(con, "week_flow") if row["asset"] == "BTC")
    assert (str(week["since"]), week["reported"], week["expected"]) == ("2025-10-27", 50, 55)


def test_a_streak_tells_the_fewest_funds_on_one_of_its_sessions(con):
    con.execute("delete from marts.etf_market_daily where asset <> 'BTC' or trade_date > '2025-11-05'")
    con.execute("update marts.etf_market_daily set flow_streak_sessions = 5 where trade_date = '2025-11-05'")
    con.execute("update marts.etf_market_daily set funds_reported = 9 where trade_date = '2025-11-03'")
    con.execute("update marts.etf_market_daily set funds_reported = 2 where trade_date < '2025-10-30'")
    assert [(row["sessions"], row["reported"], row["expected"]) for row in asked(con, "streak_now")] == [(5, 9, 11)]


@pytest.mark.parametrize("name", ["holder_weeks", "matured_and_spent"])
def test_what_holders_spent_is_of_a_published_series_where_there_is_no_node(con, name):
    con.execute("delete from marts.onchain_lth_flows_daily where network <> 'main'")
    con.execute(
        "update marts.onchain_lth_flows_daily set series = 'bitview', definition_id = 'age_150d_step',"
        " spent_native = 100, matured_native = 90"
    )
    found = asked(con, name)
    assert {(row["series"], row["definition"]) for row in found} == {("bitview", "age_150d_step")}
    assert all(row.get("BTC spent", row.get("spent")) for row in found)


def test_ones_own_node_comes_before_what_is_published(con):
    con.execute("delete from marts.onchain_lth_flows_daily where network <> 'regtest'")
    con.execute("insert into marts.onchain_lth_flows_daily select * replace ('bitview' as series,"
                " 'age_150d_step' as definition_id) from marts.onchain_lth_flows_daily"
                " where definition_id = 'age_155d_step'")  # fmt: skip
    assert {(row["series"], row["definition"]) for row in asked(con, "matured_and_spent")} == {
        ("derived", "age_155d_step")
    }
    assert [row["series"] for row in asked(con, "holder_weeks")][:2] == ["derived", "bitview"]


@ANSWERS
def test_no_answer_needs_one_source_of_flows(answer):
    assert "'farside'" not in answer.sql or answer.name == "as_known_at"  # an example, of which its words are the point


def query(sql: str) -> exp.Expression:
    return sqlglot.parse_one(sql, read="duckdb")


def obstacles_to_spark(sql: str) -> list[str]:
    """Why a query does not run on Spark once its identifiers are quoted as Spark quotes them, the rest unchanged.

    Answers are written for DuckDB in what both engines run. Sqlglot writes some of DuckDB's own constructs for Spark
    too, so those are looked for by name.
    """
    try:
        spark = sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)
        sqlglot.parse_one(spark[0], read="spark")
        written = query(sql)
    except sqlglot.errors.SqlglotError as error:
        return [str(error)]
    found = [node.sql() for node in written.find_all(exp.Qualify, exp.Lambda, exp.Columns)]
    found += [group.sql() for group in written.find_all(exp.Group) if group.args.get("all")]
    found += [join.sql() for join in written.find_all(exp.Join) if join.method.upper() == "ASOF"]
    found += re.findall(r"(?:\A|\()\s*from\s+\S+|\bu?hugeint\b", sql, re.IGNORECASE)
    return found


def venues_named(sql: str) -> list[str]:
    """Conditions that compare a venue with a literal."""
    conditions = query(sql).find_all(exp.EQ, exp.NEQ, exp.In, exp.Like)
    return [
        condition.sql()
        for condition in conditions
        if any(column.name == "venue" for column in condition.find_all(exp.Column))
        and condition.find(exp.Literal) is not None
    ]
