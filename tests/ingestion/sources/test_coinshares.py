from datetime import date

import fund_pages
import pytest

from ingestion.archive import Archive
from ingestion.errors import FetchFailed, PageRefused
from ingestion.lake.tables import Lake
from ingestion.refresh import client, fetch_live
from ingestion.sources import coinshares
from ingestion.transport import session
from ingestion.transport.session import Response

DAY = date(2026, 10, 7)
SECRET = "s3cr3t-of-mine"


@pytest.fixture
def asked(monkeypatch):
    """The addresses that are asked; the answer is that of `asked.status`."""

    class Asked(list[str]):
        status, content = 200, fund_pages.coinshares()

    found = Asked()

    def request(self, url, shown, body=None, headers=None, auth=None):
        found.append(url)
        return Response(url, found.status, {}, found.content)

    monkeypatch.setattr(session.Session, "request", request)
    return found


def test_both_widgets_are_read():
    assert coinshares.SOURCE.read(fund_pages.coinshares(), "BRRR").select("metric", "raw_text").rows() == [
        ("shares_outstanding", "20155000"),
        ("native_held", "5678.764743"),
        ("net_assets_usd", "473485291"),
        ("nav_usd", "23.49"),
    ]


def test_the_key_goes_into_the_address_that_is_asked_and_into_no_file(asked, tmp_path):
    archive = Archive(tmp_path / "archive")
    http = client(coinshares.SOURCE, "", {"coinshares": SECRET}, {})
    assert fetch_live(coinshares.SOURCE, archive, Lake(tmp_path / "lake"), http, DAY) == []
    assert asked == [f"{coinshares.URL}&ApiKey={SECRET}"]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_is_to_be_checked(asked, status):
    asked.status = status
    with pytest.raises(FetchFailed, match="check the key in the settings") as caught:
        [*coinshares.fetch(client(coinshares.SOURCE, "", {"coinshares": SECRET}, {}), "BRRR", {}, DAY)]
    assert SECRET not in str(caught.value)


def test_an_answer_without_widgets_asks_about_the_key():
    with pytest.raises(PageRefused, match="was the key accepted"):
        coinshares.SOURCE.read(b"[]", "BRRR")
