"""`flowhouse publish`, and the copy that a build makes of itself."""

import shutil

import pytest

from orchestration.home import Home
from orchestration.publishing import published


@pytest.fixture(scope="module")
def home(sample_home, tmp_path_factory):
    return shutil.copytree(sample_home, tmp_path_factory.mktemp("copied") / "home", symlinks=True)


@pytest.fixture
def settings(home):
    """The home's file of settings, which goes after the test."""
    yield home / "flowhouse.toml"
    (home / "flowhouse.toml").unlink(missing_ok=True)


def test_the_latest_build_is_copied(flowhouse, home, tmp_path):
    result = flowhouse("publish", "--to", tmp_path / "web", "--home", home)
    build = published.latest(Home(home)).name
    assert result.exit_code == 0
    assert result.output.endswith(f", 0 were there.\nPublished: {tmp_path / 'web' / build}\n")
    assert published.pointed(tmp_path / "web").name == build


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "flowhouse: There is no target: give --to DIR or --to s3://bucket/prefix, or set it in flowhouse.toml."),
        (("--to", "ftp://x"), "flowhouse: The target is 'ftp://x', which is no address of a store"),
        (("--to", ""), "flowhouse: The target is empty"),
    ],
)
def test_wrong_usage_is_one_sentence(flowhouse, home, arguments, sentence):
    result = flowhouse("publish", *arguments, "--home", home)
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert result.output.startswith(sentence)


def test_a_failed_copy_is_one_sentence(flowhouse, home, tmp_path):
    (tmp_path / "web").mkdir(mode=0o500)
    (tmp_path / "web" / "latest.txt").mkdir()  # also root cannot read a folder
    result = flowhouse("publish", "--to", tmp_path / "web", "--home", home)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert f"{tmp_path / 'web'} cannot be written (Is a directory): make room" in result.output


def test_the_settings_say_where_to_and_relative_folders_are_beside_their_file(flowhouse, home, settings):
    settings.write_text("[publish]\nto = '../public'")
    assert flowhouse("publish", "--home", home).exit_code == 0
    assert published.pointed(home.parent / "public")


def test_each_build_is_copied_where_the_settings_say(flowhouse, home, settings, tmp_path):
    settings.write_text(f"[publish]\nto = '{tmp_path / 'web'}'")
    result = flowhouse("build", "--home", home)
    assert result.exit_code == 0
    assert f"\nCopied to: {tmp_path / 'web'}\n" in result.output
    assert published.pointed(tmp_path / "web").name == published.latest(Home(home)).name


def test_a_failed_copy_fails_no_build(flowhouse, home, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.write_text(f"[publish]\nto = '{tmp_path / 'file'}'")
    result = flowhouse("build", "--home", home)
    assert result.exit_code == 3
    assert f"failed: The target {tmp_path / 'file'} is not a folder: name another." in result.output
    assert "Published: " in result.output
    assert "Copied to" not in result.output
