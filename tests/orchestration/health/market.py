"""Publishers on the loopback interface that fail, lie and come back, and a clock that a test sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from loopback import HttpServer, JsonHandler

from ingestion.calendar import sessions
from ingestion.sample.pages import flow_page, index_json
from ingestion.sources import alternative_me, farside
from ingestion.transport import publisher
from orchestration import home as homes
from orchestration import seeds

FIRST = date(2026, 2, 16)


class Clock:
    """The time, UTC without zone, which stands still until it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let this process read this clock, wherever it asks for the time of a capture, a reading or a build."""
        clock = self

        class Stopped(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return clock.at.replace(tzinfo=tz)

        for module in (homes, publisher):
            patch.setattr(module, "datetime", Stopped)


class Market:
    """What two publishers serve: each a status, and a page that follows the clock unless a test holds it.

    Attributes:
        down: status by publisher that answers with an error.
        reported: of the newest session, how many funds have reported.
        until: the newest session that the page of flows has, and the newest day of the index; None for what is over.
        lies: whether the page of flows prints a total that its funds do not add up to.
        asked: how often each publisher was asked.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.down: dict[str, int] = {}
        self.until: dict[str, date] = {}
        self.reported = 99
        self.lies = False
        self.asked = {"farside": 0, "alternative_me": 0}
        self._sessions = sessions(FIRST, date(2026, 4, 30)).select("session_date", "closes_at").rows()

    def install(self, patch: pytest.MonkeyPatch, port: int) -> None:
        """Let the sources ask this machine, without the pauses that they owe to publishers."""
        root = f"http://127.0.0.1:{port}"
        patch.setattr(farside, "URLS", {name: f"{root}/farside/{name}" for name in farside.URLS})
        patch.setattr(alternative_me, "URL", f"{root}/alternative_me/fng")
        patch.setattr(publisher, "Http", partial(publisher.Http, min_interval_seconds=0, sleep=lambda seconds: None))

    def answer(self, path: str) -> tuple[int, bytes]:
        _, name, resource = path.split("/")
        self.asked[name] += 1
        if name in self.down:
            return self.down[name], b"no."
        return 200, self._flows(resource.split("_")[0].upper()) if name == "farside" else self._index()

    def _flows(self, asset: str) -> bytes:
        over = [day for day, closes_at in self._sessions if closes_at <= self.clock.at]
        shown = [day for day in over if day <= self.until.get("farside", day)]
        funds = [row for row in seeds.read("facts_funds") if row["asset"] == asset and row["first_flow_date"]]
        listed = [row["ticker"] for row in funds if row["first_flow_date"] <= shown[-1].isoformat()]
        rows = [self._row(day, len(listed), is_newest=day == over[-1]) for day in shown]
        return flow_page(listed, rows)

    def _row(self, day: date, funds: int, *, is_newest: bool) -> tuple[date, list[str | None], str]:
        figures = [(number + 1) * (day.day - 15) for number in range(funds)]
        texts = [
            f"{each}.0" if not is_newest or number < self.reported else None for number, each in enumerate(figures)
        ]
        total = sum(each for each, text in zip(figures, texts, strict=True) if text) + (1 if self.lies else 0)
        return day, texts, f"{total}.0"

    def _index(self) -> bytes:
        last = self.until.get("alternative_me", self.clock.at.date())
        days = [FIRST + timedelta(days=number) for number in range((last - FIRST).days + 1)]
        # The figure of a day that is not over changes with the hour.
        return index_json([(day, str(30 + (self.clock.at.hour if day == last else day.day)), "Fear") for day in days])


@contextmanager
def serving(market: Market) -> Iterator[int]:
    """The port on which the publishers answer."""

    class Handler(JsonHandler, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(*market.answer(self.path))

    server = HttpServer(Handler)
    try:
        yield server.port
    finally:
        server.close()
