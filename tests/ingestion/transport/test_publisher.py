"""The HTTP client against a server on this machine; sleeping is recorded or simulated, never done."""

import gzip
import io
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from loopback import HttpServer, bomb, drip, serving
from requests.adapters import HTTPAdapter

from ingestion.errors import FetchFailed, UsageError
from ingestion.transport.errors import NotPublished
from ingestion.transport.publisher import BOUNDS, Http
from ingestion.transport.session import REDIRECTS

PAGE = b"<table>149.3</table>"
SECRET = "s3cr3t"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Publisher(HttpServer):
    """Gives each request the next answer, the last one for ever; records `requests`."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[BaseHTTPRequestHandler] = []
        self.closing = threading.Event()
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.requests.append(self)
                answers = publisher.answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                answer(self)

            do_POST = do_GET

            def log_message(self, *args: object) -> None:
                pass

        super().__init__(Handler)

    def close(self) -> None:
        self.closing.set()
        super().close()

    def address(self, path: str = "/btc/", userinfo: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{userinfo}{host}:{self.port}{path}"

    def never(self, handler: BaseHTTPRequestHandler) -> None:
        self.closing.wait(5)

    def silent_after_headers(self, handler: BaseHTTPRequestHandler) -> None:
        status(200, b"", {"Content-Length": "100"})(handler)
        self.closing.wait(5)


def status(code: int, body: bytes = PAGE, headers: dict[str, str] | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def chunked(body: bytes) -> Answer:
    """`body` is what follows the headers of a chunked answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


OK = status(200)
HALF = status(200, PAGE[:10], {"Content-Length": str(len(PAGE))})
HALF_CHUNKED = chunked(b"14\r\n" + PAGE[:10])
NO_LAST_CHUNK = chunked(b"14\r\n" + PAGE + b"\r\n")
NO_GZIP = status(200, PAGE, {"Content-Encoding": "gzip"})


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    publisher = Publisher()
    yield publisher
    publisher.close()


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def http(naps: list[float]) -> Http:
    return Http(min_interval_seconds=0, bounds=replace(BOUNDS, silence_seconds=0.2), sleep=naps.append)


def failure(http: Http, url: str) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        http.get(url)
    return caught.value


def test_page_is_served_with_its_address_and_second(publisher: Publisher, http: Http) -> None:
    publisher.answers = [OK]
    url = publisher.address("/btc/?page=1")
    before = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    served = http.get(url)
    assert (served.url, served.content) == (url, PAGE)
    assert served.fetched_at.tzinfo is None
    assert served.fetched_at.microsecond == 0
    assert before <= served.fetched_at <= before + timedelta(seconds=5)


def test_a_question_is_posted_as_json_and_its_fragment_stays_here(publisher: Publisher, http: Http) -> None:
    asked: list[tuple[str, str, str | None, bytes]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        asked.append((handler.command, handler.path, handler.headers["Content-Type"], body))
        OK(handler)

    publisher.answers = [hang_up, answer]
    url = publisher.address('/info#{"coin":"BTC"}')
    assert http.post(url, b'{"coin":"BTC"}').url == url
    assert asked == [("POST", "/info", "application/json", b'{"coin":"BTC"}')]


def test_compressed_page_is_served_as_the_page(publisher: Publisher, http: Http) -> None:
    body = gzip.compress(PAGE)
    publisher.answers = [status(200, body, {"Content-Encoding": "gzip"})]
    assert http.get(publisher.address()).content == PAGE


@pytest.mark.parametrize(
    ("contact", "suffix"), [("", ""), ("https://example.org/me", " (+https://example.org/me)")], ids=["none", "some"]
)
def test_user_agent_names_version_and_contact(publisher: Publisher, contact: str, suffix: str) -> None:
    publisher.answers = [OK]
    Http(contact=contact).get(publisher.address())
    assert publisher.requests[0].headers["User-Agent"] == f"flowhouse/{version('flowhouse')}{suffix}"


@pytest.mark.parametrize("contact", ["me\r\nX-Other: 1", "m€"])
def test_contact_that_no_header_can_carry_is_wrong_use(contact: str) -> None:
    with pytest.raises(UsageError, match="printable ASCII"):
        Http(contact=contact)


@pytest.mark.parametrize("first", [status(503), status(500), status(429), hang_up, HALF, HALF_CHUNKED, NO_LAST_CHUNK])
def test_passing_failure_is_tried_again(publisher: Publisher, http: Http, naps: list[float], first: Answer) -> None:
    publisher.answers = [first, OK]
    assert http.get(publisher.address()).content == PAGE
    assert len(publisher.requests) == 2
    assert len(naps) == 1
    assert 1 <= naps[0] <= 2


@pytest.mark.parametrize("silence", ["never", "silent_after_headers"])
def test_silence_is_tried_again(publisher: Publisher, http: Http, silence: str) -> None:
    publisher.answers = [getattr(publisher, silence), OK]
    assert http.get(publisher.address()).content == PAGE


def test_back_off_doubles_and_jitters(publisher: Publisher, http: Http, naps: list[float]) -> None:
    publisher.answers = [status(503)]
    error = failure(http, publisher.address())
    assert str(error) == f"{publisher.address()} answered 503 (4 attempts): try again later."
    assert len(publisher.requests) == 4
    assert [1 <= naps[0] <= 2, 2 <= naps[1] <= 3, 4 <= naps[2] <= 5] == [True] * 3
    assert any(nap != int(nap) for nap in naps)


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_honoured(publisher: Publisher, http: Http, naps: list[float], code: int) -> None:
    publisher.answers = [status(code, headers={"Retry-After": "120"}), OK]
    assert http.get(publisher.address()).content == PAGE
    assert naps == [120]


def test_retry_after_may_be_a_date(publisher: Publisher, http: Http, naps: list[float]) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=60)
    publisher.answers = [status(429, headers={"Retry-After": format_datetime(moment, usegmt=True)}), OK]
    http.get(publisher.address())
    assert 50 < naps[0] <= 60


@pytest.mark.parametrize("words", ["soon", "9" * 5000, f"Fri, {'9' * 400} Dec 2025 00:00:00 GMT", "0"])
def test_illegible_retry_after_falls_back_to_back_off(
    publisher: Publisher, http: Http, naps: list[float], words: str
) -> None:
    publisher.answers = [status(429, headers={"Retry-After": words}), OK]
    http.get(publisher.address())
    assert 1 <= naps[0] <= 2


def test_long_retry_after_says_when_to_come_back(publisher: Publisher, http: Http, naps: list[float]) -> None:
    publisher.answers = [status(429, headers={"Retry-After": "121"})]
    error = failure(http, publisher.address())
    assert str(error) == f"{publisher.address()} answered 429: try again in 3 minutes or later, as it asks."
    assert (len(publisher.requests), naps) == (1, [])


@pytest.mark.parametrize(
    "challenge",
    [
        status(403, b"<title>Just a moment...</title>"),
        status(403, b"<div id='cf-chl-widget'>"),
        status(403, b"<script>window._cf_chl_opt={};</script>"),
        status(403, b"", {"cf-mitigated": "challenge"}),
        status(403, gzip.compress(b"<title>Just a moment...</title>"), {"Content-Encoding": "gzip"}),
    ],
    ids=["title", "element", "script", "header", "gzip"],
)
def test_challenge_page_is_named_and_not_tried_again(publisher: Publisher, http: Http, challenge: Answer) -> None:
    publisher.answers = [challenge]
    error = failure(http, publisher.address())
    assert "answered 403 with a challenge page" in str(error)
    assert "put a saved page into an archive folder and replay it" in str(error)
    assert len(publisher.requests) == 1


@pytest.mark.parametrize("body", [b"Forbidden", b""], ids=["plain", "empty"])
def test_other_403_is_no_challenge(publisher: Publisher, http: Http, body: bytes) -> None:
    publisher.answers = [status(403, body)]
    error = failure(http, publisher.address())
    assert str(error).startswith(f"{publisher.address()} answered 403: check the address")
    assert len(publisher.requests) == 1


def test_403_cut_short_is_not_tried_again(publisher: Publisher, http: Http) -> None:
    publisher.answers = [status(403, b"Forb", {"Content-Length": "100"})]
    assert "answered 403" in str(failure(http, publisher.address()))
    assert len(publisher.requests) == 1


def test_404_is_not_published_and_not_tried_again(publisher: Publisher, http: Http) -> None:
    publisher.answers = [status(404)]
    with pytest.raises(NotPublished, match=r"answered 404: nothing is published there \(yet\)"):
        http.get(publisher.address())
    assert len(publisher.requests) == 1


@pytest.mark.parametrize("code", [204, 304, 401])
def test_only_200_is_a_page(publisher: Publisher, http: Http, code: int) -> None:
    publisher.answers = [status(code, b"")]
    assert f"answered {code}" in str(failure(http, publisher.address()))


def test_garbled_compression_is_refused(publisher: Publisher, http: Http) -> None:
    publisher.answers = [NO_GZIP]
    assert "broke off or garbled its answer (4 attempts)" in str(failure(http, publisher.address()))


def test_time_out_says_how_long(publisher: Publisher) -> None:
    publisher.answers = [publisher.never]
    error = failure(Http(bounds=replace(BOUNDS, silence_seconds=0.1), attempts=1), publisher.address())
    assert str(error) == f"{publisher.address()} did not answer within 0.1 s: try again later."


def test_nobody_listening_is_a_fetch_failure(http: Http, naps: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(http, f"http://127.0.0.1:{port}/btc/")
    assert f"http://127.0.0.1:{port}/btc/ could not be reached" in str(error)
    assert len(naps) == 3


def test_page_as_large_as_allowed_is_served(publisher: Publisher) -> None:
    publisher.answers = [OK]
    assert Http(bounds=replace(BOUNDS, max_bytes=len(PAGE))).get(publisher.address()).content == PAGE


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_page_over_the_limit_is_refused_at_once(publisher: Publisher, naps: list[float], zipped: bool) -> None:
    body = b"0" * 1_000_000
    answer = status(200, gzip.compress(body), {"Content-Encoding": "gzip"}) if zipped else status(200, body)
    publisher.answers = [answer]
    error = failure(Http(bounds=replace(BOUNDS, max_bytes=100_000), sleep=naps.append), publisher.address())
    assert str(error).startswith(f"{publisher.address()} serves more than 100,000 bytes: ")
    assert (len(publisher.requests), naps) == (1, [])


def test_endless_page_is_refused_at_the_limit(publisher: Publisher) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not publisher.closing.is_set():
            try:
                handler.wfile.write(b"0" * 10_000)
            except OSError:
                return

    publisher.answers = [endless]
    assert "serves more than" in str(failure(Http(bounds=replace(BOUNDS, max_bytes=100_000)), publisher.address()))


def test_page_that_unpacks_to_too_much_is_refused_at_once(naps: list[float]) -> None:
    with serving(bomb()) as url:
        error = failure(Http(bounds=replace(BOUNDS, max_bytes=1_000_000), sleep=naps.append), url)
    assert str(error) == f"{url} serves more than 1,000,000 bytes: check the address or raise the limit."
    assert naps == []


def test_page_of_40_mb_is_refused_by_the_bound_itself(publisher: Publisher) -> None:
    publisher.answers = [status(200, gzip.compress(bytes(40_000_000), 1), {"Content-Encoding": "gzip"})]
    assert "serves more than 16,777,216 bytes: " in str(failure(Http(), publisher.address()))


def test_page_that_drips_is_given_up(naps: list[float]) -> None:
    with serving(drip()) as url:
        error = failure(Http(bounds=replace(BOUNDS, total_seconds=0.3), sleep=naps.append), url)
    assert str(error) == f"{url} did not finish its answer within 0.3 s: check the connection or try again later."
    assert naps == []


def test_redirect_is_followed(publisher: Publisher, http: Http) -> None:
    publisher.answers = [status(302, b"", {"Location": "/moved/", "Set-Cookie": "seen=1; Path=/"}), OK]
    served = http.get(publisher.address("/old/"))
    assert (served.url, served.content) == (publisher.address("/old/"), PAGE)
    assert [came.path for came in publisher.requests] == ["/old/", "/moved/"]
    assert publisher.requests[1].headers["Cookie"] == "seen=1"


def test_body_of_a_redirect_is_not_waited_for(publisher: Publisher, http: Http, naps: list[float]) -> None:
    def slow_redirect(handler: BaseHTTPRequestHandler) -> None:
        status(302, b"", {"Location": "/moved/", "Content-Length": "100"})(handler)
        publisher.closing.wait(5)

    publisher.answers = [slow_redirect, OK]
    assert http.get(publisher.address("/old/")).content == PAGE
    assert naps == []


def test_redirects_without_end_are_a_fetch_failure(publisher: Publisher, http: Http) -> None:
    publisher.answers = [status(302, b"", {"Location": f"/again/?key={SECRET}"})]
    assert "could not be requested (TooManyRedirects)" in str(failure(http, publisher.address()))
    assert len(publisher.requests) == 1 + REDIRECTS


class SafeButRedirecting(HTTPAdapter):
    """In place of an https publisher: redirects every request to `location`."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location

    def send(self, request: requests.PreparedRequest, **kwargs: object) -> requests.Response:
        response = requests.Response()
        response.request, response.url, response.status_code = request, request.url, 302
        response.headers["Location"] = self.location
        response.raw = io.BytesIO()
        return response


def test_https_is_never_left_for_http(publisher: Publisher, http: Http) -> None:
    publisher.answers = [OK]
    http._session._requests.mount("https://safe.test/", SafeButRedirecting(publisher.address()))
    error = failure(http, f"https://safe.test/btc/?key={SECRET}")
    assert str(error).startswith("https://safe.test/btc/ redirects from https to http: ")
    assert publisher.requests == []


@pytest.mark.parametrize("scheme", ["file", "ftp", "data"])
def test_only_http_and_https_are_asked(http: Http, naps: list[float], scheme: str) -> None:
    error = failure(http, f"{scheme}://me:{SECRET}@127.0.0.1/etc/hosts?key={SECRET}")
    assert str(error).startswith(f"{scheme}://127.0.0.1/etc/hosts could not be requested (InvalidSchema): ")
    assert naps == []


@pytest.mark.parametrize("location", ["file:///etc/hosts", f"http://[{SECRET}/", f"http://me:{SECRET}/x@y/", "http://"])
def test_redirect_to_nowhere_is_a_fetch_failure(publisher: Publisher, http: Http, location: str) -> None:
    publisher.answers = [status(302, b"", {"Location": location})]
    error = failure(http, publisher.address())
    assert str(error).startswith(f"{publisher.address()} could not be requested")
    assert_silent(error)


class Simulated:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_requests_to_a_host_keep_their_distance(publisher: Publisher) -> None:
    clock = Simulated()
    came: list[float] = []

    def noting(answer: Answer) -> Answer:
        return lambda handler: (came.append(clock.seconds), answer(handler))[1]

    publisher.answers = [noting(OK), noting(status(302, b"", {"Location": "/moved/"})), noting(OK)]
    http = Http(min_interval_seconds=5, sleep=clock.sleep, monotonic=clock.now)
    http.get(publisher.address())
    http.get(publisher.address())
    clock.seconds += 3
    http.get(publisher.address())
    clock.seconds += 7
    http.get(publisher.address())
    assert came == [1000, 1005, 1010, 1015, 1022]


def test_another_host_is_not_waited_for(publisher: Publisher) -> None:
    clock = Simulated()
    publisher.answers = [OK]
    http = Http(min_interval_seconds=5, sleep=clock.sleep, monotonic=clock.now)
    http.get(publisher.address())
    http.get(publisher.address(host="localhost"))
    assert clock.seconds == 1000


def assert_silent(error: BaseException) -> None:
    """No secret in the text, in the traceback, or in any exception chained below, shown or suppressed."""
    assert SECRET not in "".join(traceback.format_exception(error))
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
        assert SECRET not in repr(error)


@pytest.mark.parametrize(
    "answer",
    [
        status(403),
        status(404),
        status(429, headers={"Retry-After": "9999"}),
        status(503),
        status(200, b"0" * 1000),
        HALF,
        NO_GZIP,
        hang_up,
    ],
    ids=["403", "404", "429", "503", "large", "half", "garbled", "hung up"],
)
def test_secrets_stay_out_of_errors_and_logs(
    publisher: Publisher, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    publisher.answers = [answer]
    url = publisher.address(f"/btc/?key={SECRET}#{SECRET}", userinfo=f"me:{SECRET}@")
    error = failure(Http(bounds=replace(BOUNDS, max_bytes=100), min_interval_seconds=0, sleep=lambda _: None), url)
    assert_silent(error)
    assert str(error).startswith(publisher.address())
    assert publisher.requests[0].path == f"/btc/?key={SECRET}"
    assert publisher.requests[0].headers["Authorization"].startswith("Basic ")
    assert SECRET not in caplog.text


def test_secrets_of_a_redirect_stay_out_and_its_target_is_named(publisher: Publisher, http: Http) -> None:
    target = publisher.address(f"/signed/?key={SECRET}", userinfo=f"me:{SECRET}@")
    publisher.answers = [status(302, b"", {"Location": target}), status(404)]
    error = failure(http, publisher.address("/old/"))
    assert str(error).startswith(f"{publisher.address('/signed/')} answered 404")
    assert_silent(error)


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{SECRET}/x@127.0.0.1/btc/",
        f"http://me:{SECRET}?x@127.0.0.1/btc/",
        f"me:{SECRET}@127.0.0.1/btc/",
        f"http:\\\\me:{SECRET}@127.0.0.1/btc/",
        f"data:{SECRET}",
        f"?key={SECRET}",
    ],
)
def test_misspelt_address_shows_nothing_of_itself(http: Http, url: str) -> None:
    error = failure(http, url)
    assert str(error).startswith("The address could not be requested")
    assert_silent(error)


@given(st.text("ab:/@?#[]\\%\n\0€"), st.text("ab:/@?#[]\\%\n\0€"))
@example(before="a/\n?", after="")
def test_no_spelling_shows_a_secret(before: str, after: str) -> None:
    """With ftp, so that no host in it is contacted."""
    error = failure(Http(), f"ftp://{before}me:{SECRET}@127.0.0.1/btc/?key={SECRET}{after}")
    assert SECRET not in str(error)
    assert "\n" not in str(error)
