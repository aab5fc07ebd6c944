"""A user's key: it reaches the publisher that asks for it, and nobody and nothing else."""

import logging

import pytest
from test_publisher import OK, SECRET, Publisher, assert_silent, failure, publisher, status

from ingestion.errors import UsageError
from ingestion.transport.publisher import Http

__all__ = ["publisher"]  # a fixture


def keyed(sleep=lambda _: None):
    return Http(min_interval_seconds=0, sleep=sleep, key=("CG-API-KEY", SECRET))


def test_the_key_is_in_its_header_and_nowhere_else(publisher: Publisher) -> None:
    publisher.answers = [OK]
    served = keyed().get(publisher.address())
    assert publisher.requests[0].headers["CG-API-KEY"] == SECRET
    assert SECRET not in publisher.requests[0].path + served.url


@pytest.mark.parametrize("path", ["/", "/?names=A,B", "/#which"])
def test_a_key_in_a_parameter_is_sent_and_in_no_address_that_is_stored(publisher: Publisher, path: str) -> None:
    publisher.answers = [OK]
    http = Http(min_interval_seconds=0, parameter=("ApiKey", "a b&c"))
    assert http.get(publisher.address(path)).url == publisher.address(path)
    assert publisher.requests[0].path == f"{path.partition('#')[0]}{'&' if '?' in path else '?'}ApiKey=a%20b%26c"


def test_a_key_in_a_parameter_stays_out_of_errors_logs_and_other_hosts(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    http = Http(min_interval_seconds=0, attempts=1, parameter=("ApiKey", SECRET))
    elsewhere = publisher.address("/moved/", host="localhost")
    for answer in (status(401), status(500), status(200, SECRET.encode())):
        publisher.answers = [answer]
        assert_silent(failure(http, publisher.address("/?names=A")))
    publisher.answers = [status(302, b"", {"Location": elsewhere}), OK]
    http.get(publisher.address())
    assert publisher.requests[-1].path == "/moved/"
    assert SECRET not in caplog.text


def test_what_a_publisher_wants_in_headers_is_sent_beside_ours(publisher: Publisher) -> None:
    publisher.answers = [OK]
    keyed().get(publisher.address(), {"Cookie": "seen=1"})
    keyed().post(publisher.address(), b"{}", {"X-CSRF-TOKEN": "abc"})
    asked, posted = (came.headers for came in publisher.requests)
    assert (asked["Cookie"], asked["CG-API-KEY"]) == ("seen=1", SECRET)
    assert (posted["X-CSRF-TOKEN"], posted["Content-Type"]) == ("abc", "application/json")
    assert asked["User-Agent"] == posted["User-Agent"]


def test_a_redirect_takes_the_key_along_on_one_host_and_to_no_other(publisher: Publisher) -> None:
    publisher.answers = [status(302, b"", {"Location": "/moved/"}), OK]
    keyed().get(publisher.address())
    elsewhere = publisher.address("/moved/", host="localhost")
    publisher.answers = [status(302, b"", {"Location": elsewhere}), status(302, b"", {"Location": "/on/"}), OK]
    keyed().get(publisher.address())
    assert [came.headers["CG-API-KEY"] for came in publisher.requests] == [SECRET, SECRET, SECRET, None, None]
    assert publisher.requests[3].headers["User-Agent"].startswith("flowhouse/")


def test_an_answer_that_repeats_the_key_is_not_stored(publisher: Publisher) -> None:
    publisher.answers = [status(200, f'{{"code":"401","msg":"no such key: {SECRET}"}}'.encode())]
    error = failure(keyed(), publisher.address())
    assert "repeats the key in its answer: it is not stored" in str(error)
    assert_silent(error)


@pytest.mark.parametrize("code", [401, 403])
def test_a_key_that_is_not_accepted_is_to_be_checked(publisher: Publisher, code: int) -> None:
    publisher.answers = [status(code)]
    assert "check the key in the settings" in str(failure(keyed(), publisher.address()))
    assert "check the address" in str(failure(Http(min_interval_seconds=0), publisher.address()))


@pytest.mark.parametrize("code", [401, 404, 429, 500])
def test_the_key_stays_out_of_errors_and_logs(
    publisher: Publisher, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    caplog.set_level(logging.DEBUG)
    publisher.answers = [status(code, SECRET.encode(), {"Retry-After": "9999"})]
    error = failure(keyed(), publisher.address())
    assert_silent(error)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("key", ["s3cr3t\r\nX: 1", "s3cr3tü", " s3cr3t"])
def test_a_key_that_no_header_can_carry_is_wrong_use(key: str) -> None:
    with pytest.raises(UsageError, match="The key for CG-API-KEY goes into a header") as caught:
        Http(key=("CG-API-KEY", key))
    assert SECRET not in str(caught.value)
