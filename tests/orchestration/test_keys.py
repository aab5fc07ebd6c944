"""Publishers that answer nothing without a key of the user's own."""

import json
from datetime import date

import pytest

from ingestion import registry
from ingestion.archive import Served
from ingestion.transport import publisher
from orchestration import gather
from orchestration.health import doctor
from orchestration.home import Home, now
from orchestration.ingest_mode import Live
from orchestration.settings import Publishers, Settings

SECRET = "s3cr3t-of-mine"
SOURCE = "coinglass_liquidations"
KEYED = [source for source in registry.publishers() if source.api_key]
SPANS = [{"time": at, "aggregated_long_liquidation_usd": 1, "aggregated_short_liquidation_usd": 2} for at in (0, 14400)]


@pytest.fixture
def asked(monkeypatch):
    """Addresses that were asked, each with the key; CoinGlass answers two periods to everything."""
    found = []

    class Http:
        def __init__(self, contact, bounds, key=None, parameter=None):
            self.key, self.bounds = key or parameter, bounds

        def get(self, url):
            found.append((url, self.key))
            spans = [span | {"time": (1760000400 - 1760000400 % 14400 + span["time"]) * 1000} for span in SPANS]
            return Served(url, json.dumps({"code": "0", "data": spans}).encode(), now())

    monkeypatch.setattr(publisher, "Http", Http)
    return found


@pytest.mark.parametrize("source", KEYED, ids=lambda source: source.name)
def test_each_key_is_a_secret_setting_that_a_variable_may_hold(source, tmp_path):
    (tmp_path / "flowhouse.toml").write_text(f'[publishers]\n{source.api_key.name}_key_env = "MINE"\n')
    settings = Settings.read(tmp_path, {"MINE": SECRET})
    assert settings.publishers.keys == {source.api_key.name: SECRET}
    assert SECRET not in repr(settings)
    assert SECRET not in repr(Live("", settings.publishers.keys))


@pytest.mark.parametrize("source", KEYED, ids=lambda source: source.name)
def test_who_is_chosen_is_asked_with_a_key_alone(source):
    key = {f"{source.api_key.name}_key": SECRET}
    assert Publishers(sources=(source.name,), **key).asks(source)
    assert not Publishers(sources=(source.name,)).asks(source)
    assert not Publishers(**key).asks(source)


def test_nobody_is_asked_without_a_key(asked, tmp_path):
    result = gather.update(registry.source(SOURCE), Home(tmp_path), Live(""))
    assert (asked, result.mode, result.failures) == ([], "held", ())


def test_the_key_goes_into_the_header_and_into_no_file(asked, tmp_path):
    source, home = registry.source(SOURCE), Home(tmp_path)
    result = gather.update(source, home, Live("", {"coinglass": SECRET}))
    assert result.failures == ()
    assert result.captures
    assert {key for _, key in asked} == {("CG-API-KEY", SECRET)}
    assert not [url for url, _ in asked if SECRET in url]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_the_doctor_says_who_lacks_a_key():
    settings = Settings(publishers=Publishers(sources=(SOURCE,)))
    sentence = (
        f'{SOURCE} is not asked without a key: write coinglass_key_env = "NAME" into [publishers] of flowhouse.toml.'
    )
    assert [(check.is_well, check.sentence) for check in doctor.keys(settings)] == [(False, sentence)]
    assert not [*doctor.keys(Settings())]
    assert not [*doctor.keys(Settings(publishers=Publishers(sources=(SOURCE,), coinglass_key=SECRET)))]


def test_the_doctor_tries_those_whose_key_there_is(asked, monkeypatch):
    monkeypatch.setattr(doctor.registry, "publishers", lambda: KEYED)
    lacking = [check.sentence for check in doctor.publishers(Settings(), date(2025, 11, 14))]
    assert lacking == [doctor._without_key(source) for source in KEYED]
    assert not asked
    settings = Settings(publishers=Publishers(coinglass_key=SECRET))
    found = "\n".join(check.sentence for check in doctor.publishers(settings, date(2025, 11, 14)))
    assert f"{SOURCE}/BTC_all: 2 figures up to 2025-10-0" in found
    assert "coinalyze_liquidations is not asked without a key" in found


@pytest.mark.parametrize("source", registry.publishers(), ids=lambda source: source.name)
def test_a_client_takes_pages_as_large_as_the_source_reads(source, asked):
    from ingestion.refresh import client

    http = client(source, "", {each.api_key.name: SECRET for each in KEYED}, {})
    assert http.bounds.max_bytes == (source.max_bytes or publisher.BOUNDS.max_bytes)
