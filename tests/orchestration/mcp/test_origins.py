"""Where figures come from that the sample has none of."""

from datetime import date, datetime

import duckdb
import pytest

from ingestion import registry
from ingestion.archive import Served
from ingestion.sources import hong_kong
from orchestration import gather
from orchestration.home import Home
from orchestration.ingest_mode import Held, UserUpload
from orchestration.mcp.catalogue import Mart
from orchestration.mcp.origins import origin_of

FILE = b"trade_date,ticker,net_flow_native,net_flow_usd\n2024-05-02,3042,5,300000\n"
ROW = {"market": "hong_kong", "asset": "BTC", "trade_date": date(2024, 5, 2), "source": "mine", "net_flow_native": 5}


@pytest.fixture
def home(tmp_path) -> Home:
    """A home with a user's two files of Hong Kong's funds, each of its own name."""
    home = Home(tmp_path)
    for name, content in (("mine", FILE), ("theirs", FILE + b"2024-05-02,3008,1,\n")):
        gather.update(hong_kong.SOURCE, home, UserUpload(name, Served("", content, datetime(2024, 5, 3)), ""))
    return home


def cited(home: Home, name: str, row: dict):
    """What a row is made of, where there is no table of US funds: to look into one fails."""
    mart = Mart(name, "One row.", 1, ("ticker",), {}, None, None)
    return origin_of(duckdb.connect(), home, {name: mart}, mart, row)


def test_a_flow_of_a_foreign_fund_leads_to_the_users_file_and_to_no_us_fund(home):
    origin = cited(home, "etf_foreign_flows_daily", ROW | {"ticker": "3042"})
    (page,) = origin.pages
    assert (page["source"], page["file"]) == ("hong_kong", "archive/hong_kong/mine/20240503T000000Z.csv")
    assert (origin.observations, origin.made_of, origin.notes) == ([], [], [])


def test_a_day_of_a_foreign_market_is_made_of_the_flows_of_its_funds_alone(home):
    origin = cited(home, "etf_foreign_market_daily", ROW)
    ((what, query),) = origin.made_of
    assert what == "flows by fund"
    assert query == (
        "select * from marts.etf_foreign_flows_daily where market = 'hong_kong' and asset = 'BTC'"
        " and trade_date = '2024-05-02' and source = 'mine' order by ticker"
    )
    assert [page["file"] for page in origin.pages] == ["archive/hong_kong/mine/20240503T000000Z.csv"]


def test_a_flow_that_coinglass_states_leads_to_its_page(home):
    content = (
        b'{"code":"0","data":[{"timestamp":1714608000000,"etf_flows":[{"etf_ticker":"CHINAAMC","flow_usd":5000}]}]}'
    )
    url = "https://open-api-v4.coinglass.com/api/hk-etf/bitcoin/flow-history"
    home.archive.put("coinglass_hk", "BTC", Served(url, content, datetime(2024, 5, 3)), "json")
    gather.update(registry.source("coinglass_hk"), home, Held())
    origin = cited(home, "etf_foreign_flows_daily", ROW | {"ticker": "3042", "source": "coinglass"})
    assert [(page["source"], page["url"]) for page in origin.pages] == [("coinglass_hk", url)]
