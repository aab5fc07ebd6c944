import json
from datetime import date, datetime

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats.liquidations import epoch
from ingestion.sources import kraken_liquidations
from ingestion.sources.kraken_liquidations import SOURCE

AT, NEXT = datetime(2025, 10, 10, 21), datetime(2025, 10, 10, 22)


def page(times, volumes, errors=()):
    return json.dumps({"result": {"timestamp": times, "more": False, "data": volumes}, "errors": [*errors]}).encode()


def read(*args, resource="PI_XBTUSD"):
    return SOURCE.read(page(*args), resource)


def test_contracts_of_one_dollar_are_dollars_of_both_sides():
    assert read([epoch(AT)], [1500]).rows() == [
        ("BTC", "kraken", "venue_aggregate", "both", AT, AT.date(), 1500.0, None, None, 3600, 3600)
    ]


def test_milliseconds_text_doubles_and_disorder_change_nothing():
    served = read([epoch(NEXT) * 1000, epoch(AT), epoch(NEXT)], ["2", "1.5", 2])
    assert served.equals(read([epoch(AT), epoch(NEXT)], [1.5, 2.0]))


def test_an_hour_without_a_figure_is_no_zero():
    assert read([epoch(AT), epoch(NEXT)], [None, 0]).select("notional_usd", "covered_seconds").rows() == [
        (None, 0),
        (0.0, 3600),
    ]


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (([epoch(AT), epoch(AT)], [1, 2]), "different figures"),
        (([epoch(AT) + 60], [1]), "does not begin"),
        (([epoch(AT)], [-1]), "negative"),
        (([epoch(AT), epoch(NEXT)], [1]), "2 times with 1 volumes"),
        (([epoch(AT)], [[1, 2, 1, 2]]), "another shape"),
        (([], []), "no figure"),
        (([epoch(AT)], [1], [{"severity": "E", "msg": "unknown market"}]), "an error .*unknown market"),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_refused(args, reason):
    with pytest.raises(PageRefused, match=reason):
        read(*args)


def test_an_answer_that_says_there_is_more_is_completed():
    class Kraken:
        """Answers with five hours at most."""

        def get(self, url):
            since, to = (int(part.split("=")[1]) for part in url.partition("?")[2].split("&")[:2])
            times = [*range(since, to, 3600)][:5]
            return Served(url, page(times, [1] * len(times)), datetime(2025, 1, 2))

    served = [*kraken_liquidations.fetch(Kraken(), "PI_XBTUSD", {}, date(2025, 1, 2))]
    hours = {hour.time for each in served for hour in kraken_liquidations.parse(each.content)}
    assert len(hours) == 24
    assert served[0].url != served[-1].url
    assert served[-1].url.endswith(
        f"since={epoch(datetime(2025, 1, 1))}&to={epoch(datetime(2025, 1, 2)) - 1}&interval=3600"
    )
