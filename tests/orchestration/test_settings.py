from pathlib import Path

import pytest

from ingestion.errors import UsageError
from orchestration.settings import Settings

HOME = Path("/nowhere")


def test_settings_have_defaults():
    assert Settings.read(HOME, {}) == Settings()


def test_settings_come_from_the_environment():
    given = {"CONTACT": "me@example.org", "KEEP_BUILDS": "3", "MODE": "live"}
    read = Settings.read(HOME, {f"FLOWHOUSE_{name}": value for name, value in given.items()})
    assert (read.publishers.contact, read.publishers.mode, read.publish.keep_builds) == ("me@example.org", "live", 3)


@pytest.mark.parametrize("setting", [{"FLOWHOUSE_KEEP_BUILDS": "0"}, {"FLOWHOUSE_KEEP_BUILDS": "many"}])
def test_a_number_of_builds_that_is_none_is_refused(setting):
    with pytest.raises(UsageError, match="set it to a whole number of at least 1"):
        Settings.read(HOME, setting)


@pytest.mark.parametrize("confirmations", ["0", "1001", "some"])
def test_confirmations_that_would_fold_too_soon_or_too_late_are_refused(confirmations):
    with pytest.raises(UsageError, match="set it to a whole number from 1 to 1000"):
        Settings.read(HOME, {"FLOWHOUSE_CONFIRMATIONS": confirmations})
    assert Settings.read(HOME, {"FLOWHOUSE_CONFIRMATIONS": "6"}).confirmations == 6


def test_a_password_is_never_shown():
    settings = Settings.read(HOME, {"FLOWHOUSE_RPC_USER": "ann", "FLOWHOUSE_RPC_PASSWORD": "s3cr3t"})
    assert settings.rpc_password.get_secret_value() == "s3cr3t"
    assert "s3cr3t" not in repr(settings)


def test_a_mode_that_cannot_be_scheduled_is_refused():
    with pytest.raises(UsageError, match="set it to live or held"):
        Settings.read(HOME, {"FLOWHOUSE_MODE": "replay"})
