"""Who is told what of a home's state, against receivers on the loopback interface."""

import json
import logging
import multiprocessing
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr
from receiver import Receiver

from ingestion.refresh import RefreshResult, write_reading
from orchestration.health import alerts
from orchestration.health.watch import RECORD, Transition, observe
from orchestration.home import Home
from orchestration.settings import Alerts, BitcoinNode, EvmProvider, Settings

AT = datetime(2025, 11, 4, 6)
SECRET = "Tk3y-abcdef-123456"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path, lock_wait_seconds=60)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def other():
    receiver = Receiver()
    yield receiver
    receiver.close()


def settings(*urls, late_after_hours=0.0, bitcoin=()):
    return Settings(
        alerts=Alerts(urls=tuple(map(SecretStr, urls)), late_after_hours=late_after_hours),
        bitcoin={network: BitcoinNode(rpc="http://127.0.0.1:8332") for network in bitcoin},
    )


def ask(home, *failures, source="farside"):
    write_reading(home.lake, RefreshResult(source, "live", AT, failures=failures, asked_at=AT, ask_failures=failures))


def build(home, reason=None):
    home.write_state(
        "current/last_build.json",
        {"at": AT.isoformat(), "succeeded": reason is None, "reason": reason, "build_id": None},
    )


def test_a_source_that_fails_is_told_once_and_when_it_is_well_again(home, receiver):
    mine = settings(receiver.url())
    assert observe(home, mine, AT) == []
    ask(home, "farside/btc: farside.co.uk answered 403: try again later.")
    (change,) = observe(home, mine, AT)
    sentence = "farside/btc: farside.co.uk answered 403: try again later."
    assert change == Transition("farside", "ok", "failed", sentence)
    assert receiver.got == [("flowhouse: farside failed", f"farside: failed. {sentence}")]
    receiver.got.clear()
    ask(home, "farside/btc: it answered 503: try again later.")  # another reason is the same state
    assert observe(home, mine, AT) == []
    assert receiver.got == []
    ask(home)
    assert observe(home, mine, AT) == [Transition("farside", "failed", "ok", "")]
    assert receiver.got == [("flowhouse: all well again", "farside is well again.\nAll is well again.")]
    receiver.got.clear()
    assert observe(home, mine, AT) == []
    assert receiver.got == []


def test_changes_of_one_round_are_one_message_and_what_is_left_is_named(home, receiver):
    mine = settings(receiver.url(), bitcoin=("main",))
    ask(home, "no.")
    ask(home, "down.", source="bitcoin/main")
    build(home, "a test failed: no_gap")
    observe(home, mine, AT)
    ((title, body),) = receiver.got
    assert title == "flowhouse: farside failed, bitcoin/main failed, build failed"
    assert "build: failed. the last build failed: a test failed: no_gap" in body
    receiver.got.clear()
    build(home)
    observe(home, mine, AT)
    assert receiver.got == [("flowhouse: 1 well again", "build is well again.\nStill not well: farside, bitcoin/main.")]


def test_a_node_that_failed_and_is_configured_no_more_is_well_again(home, receiver):
    ask(home, "down.", source="bitcoin/main")
    observe(home, settings(receiver.url(), bitcoin=("main",)), AT)
    assert receiver.titles() == ["flowhouse: bitcoin/main failed"]
    receiver.got.clear()
    observe(home, settings(receiver.url()), AT)
    assert receiver.got == [("flowhouse: all well again", "bitcoin/main is well again.\nAll is well again.")]


def test_each_address_is_told_by_itself(home, receiver, other):
    mine = settings(receiver.url(), other.url())
    other.is_down = True
    ask(home, "no.")
    observe(home, mine, AT)
    assert (receiver.titles(), other.titles()) == (["flowhouse: farside failed"], [])
    observe(home, mine, AT)
    assert (receiver.titles(), other.titles()) == ([], [])
    other.is_down = False
    assert observe(home, mine, AT) == []  # the state is as it was; only the telling was left
    assert (receiver.titles(), other.titles()) == ([], ["flowhouse: farside failed"])
    observe(home, mine, AT)
    assert (receiver.titles(), other.titles()) == ([], [])


def test_what_came_and_went_while_nobody_could_be_told_is_not_told(home, receiver):
    mine = settings(receiver.url())
    receiver.is_down = True
    ask(home, "no.")
    observe(home, mine, AT)
    ask(home)
    receiver.is_down = False
    observe(home, mine, AT)
    assert receiver.titles() == []


def test_an_address_that_is_new_hears_what_is_wrong_already(home, receiver, other):
    ask(home, "no.")
    observe(home, settings(receiver.url()), AT)
    observe(home, settings(receiver.url(), other.url()), AT)
    assert (receiver.titles(), other.titles()) == (["flowhouse: farside failed"],) * 2


def test_changes_are_found_with_nobody_to_tell(home):
    ask(home, "no.")
    assert [change.after for change in observe(home, Settings(), AT)] == ["failed"]
    assert observe(home, Settings(), AT) == []


def test_an_address_that_apprise_does_not_know_holds_up_no_other(home, receiver):
    ask(home, "no.")
    observe(home, settings("nonsense", "nosuch://thing", receiver.url()), AT)
    assert receiver.titles() == ["flowhouse: farside failed"]


def test_a_source_is_told_late_once_it_is_later_than_the_setting(home, receiver, late_farside):
    mine = settings(receiver.url(), late_after_hours=6)
    assert observe(home, mine, late_farside + timedelta(hours=6)) == []
    (change,) = observe(home, mine, late_farside + timedelta(hours=6.2))
    assert (change.subject, change.after) == ("farside", "late")
    assert receiver.titles() == ["flowhouse: farside late"]


@pytest.fixture
def late_farside(home):
    """A page that is complete for one session; the time from which the next is late."""
    from flow_pages import FUNDS, flows, put_page

    from ingestion import registry
    from ingestion.refresh import refresh
    from ingestion.sample.pages import flow_page

    put_page(home.root / "archive", AT, flow_page(FUNDS, [flows(AT.date() - timedelta(days=1))]))
    refresh(registry.source("farside"), home.archive, home.lake, "live", AT)
    return datetime(2025, 11, 5, 12)


def test_a_changed_verdict_and_a_damaged_archive_are_told(home, receiver, monkeypatch):
    mine = settings(receiver.url())
    home.write_state("archive_check.json", {"at": AT.isoformat(), "files": 1, "bytes": 2, "problems": ["x is gone."]})
    publish(home, [{"kind": "claim_verdict_changed", "rows": 2}])
    changes = observe(home, mine, AT)
    assert [(each.subject, each.after.split()[0]) for each in changes] == [("claims", "2"), ("archive", "damaged")]
    ((title, body),) = receiver.got
    assert title == "flowhouse: claims 2 changed, archive damaged"
    assert "2 claims have another verdict than expected" in body
    assert "x is gone." in body


def publish(home, findings):
    import duckdb

    folder = home.published / "b1"
    folder.mkdir(parents=True)
    (home.published / "latest").symlink_to("b1")
    content = {"build_id": "b1", "built_at": "2025-11-04T05:00:00Z", "is_sample": False, "findings": findings}
    (folder / "manifest.json").write_text(json.dumps(content | {"marts": {}}))
    duckdb.connect(str(folder / "warehouse.duckdb")).close()


def test_a_published_folder_that_is_gone_is_lost(home, receiver):
    mine = settings(receiver.url())
    publish(home, [])
    observe(home, mine, AT)
    (home.published / "b1" / "warehouse.duckdb").unlink()
    (change,) = observe(home, mine, AT)
    assert (change.subject, change.after) == ("warehouse", "lost")
    assert "published/b1/warehouse.duckdb is gone or cannot be read" in change.sentence


def test_no_secret_is_told_kept_or_logged(home, receiver, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    url, down = receiver.url(SECRET), f"json://user:{SECRET}@127.0.0.1:9/{SECRET}"
    provider = EvmProvider(rpc=(SecretStr(f"https://node.example/v2/{SECRET}-other"),))
    mine = settings(url, down).model_copy(update={"evm": {"ethereum": provider}})
    ask(home, f"https://node.example/v2/{SECRET}-other answered 403, {url} too, and so did {SECRET}.")
    observe(home, mine, AT)
    ((title, body),) = receiver.got
    said = capfd.readouterr()
    for text in (title, body, said.out, said.err, caplog.text, (home.root / "build" / RECORD).read_text()):
        assert SECRET not in text
    assert "node.example" not in body or "…" in body
    assert SECRET not in alerts.masked(mine, url) + alerts.masked(mine, down)


class Killed(BaseException):
    pass


def test_a_process_killed_after_telling_tells_again_rather_than_never(home, receiver, monkeypatch):
    mine = settings(receiver.url())
    ask(home, "no.")
    send = alerts.send

    def tell_and_die(*args):
        send(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "send", tell_and_die)
        with pytest.raises(Killed):
            observe(home, mine, AT)
    assert receiver.titles() == ["flowhouse: farside failed"]
    observe(home, mine, AT)
    assert receiver.titles() == ["flowhouse: farside failed"]
    observe(home, mine, AT)
    assert receiver.titles() == []


def test_a_process_killed_before_telling_leaves_it_to_the_next(home, receiver, monkeypatch):
    ask(home, "no.")
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "send", lambda *args: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            observe(home, settings(receiver.url()), AT)
    observe(home, settings(receiver.url()), AT)
    assert receiver.titles() == ["flowhouse: farside failed"]


@pytest.mark.parametrize("content", ["garbage", "[]", "{}", '{"states": null, "addresses": null}'])
def test_a_record_that_was_damaged_tells_again(home, receiver, content):
    ask(home, "no.")
    observe(home, settings(receiver.url()), AT)
    receiver.titles()
    (home.root / "build" / RECORD).write_text(content)
    observe(home, settings(receiver.url()), AT)
    assert receiver.titles() == ["flowhouse: farside failed"]


def observe_in_another_process(root, url):
    observe(Home(root, lock_wait_seconds=60), settings(url), AT)


def test_processes_at_once_tell_once(home, receiver):
    ask(home, "no.")
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=observe_in_another_process, args=(home.root, receiver.url())) for _ in range(3)]
    for each in others:
        each.start()
    for each in others:
        each.join(60)
    assert [each.exitcode for each in others] == [0, 0, 0]
    assert receiver.titles() == ["flowhouse: farside failed"]


def test_a_round_with_nothing_to_tell_writes_nothing_and_imports_no_apprise(home, receiver, monkeypatch):
    observe(home, settings(receiver.url()), AT)
    monkeypatch.setattr(home.__class__, "write_state", lambda *args: pytest.fail("written"))
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    assert observe(home, settings(receiver.url()), AT) == []


def test_a_flapping_source_is_told_at_each_change_and_never_doubly(home, receiver):
    mine, expected = settings(receiver.url()), []
    for number in range(6):
        ask(home, *(["no."] if number % 2 == 0 else []))
        for _ in range(3):
            observe(home, mine, AT)
        expected.append("flowhouse: farside failed" if number % 2 == 0 else "flowhouse: all well again")
    assert receiver.titles() == expected


def test_the_command_tests_each_address(receiver, other, tmp_path, flowhouse, monkeypatch):
    urls = (receiver.url(SECRET), other.url(SECRET))
    monkeypatch.setattr(Settings, "read", classmethod(lambda cls, home: settings(*urls)))
    result = flowhouse("alerts", "--test", "--home", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [f"ok    alerts.urls[{n}] (json://…) was told" for n in (0, 1)]
    assert (receiver.titles(), other.titles()) == (["flowhouse: a test"],) * 2
    other.is_down = True
    result = flowhouse("alerts", "--test", "--home", tmp_path)
    assert result.exit_code == 1
    assert "FAIL  alerts.urls[1] (json://…) could not be told" in result.output
    assert SECRET not in result.output


def test_the_command_without_an_address_is_wrong_usage(tmp_path, flowhouse):
    result = flowhouse("alerts", "--test", "--home", tmp_path)
    assert result.exit_code == 2
    assert "Nobody to tell" in result.output
