import pytest


def test_a_definition_is_added_listed_and_removed(flowhouse, tmp_path):
    home, weights = str(tmp_path / "home"), tmp_path / "weights.csv"
    weights.write_text("age_days,weight\n3,0.5\n400,1\n")
    added = flowhouse("definition", "add", "mine", "--step", "114", "--home", home)
    assert (added.exit_code, added.output) == (0, "mine: from 114 days on. Run `flowhouse build` to compute it.\n")
    assert flowhouse("definition", "add", "soft", "--logistic", "155", "10", "--home", home).exit_code == 0
    assert flowhouse("definition", "add", "drawn", "--weights", str(weights), "--home", home).exit_code == 0
    listed = flowhouse("definition", "list", "--home", home).output.splitlines()
    assert "age_155d_logistic: logistic at 155 days, over 10 days" in listed
    assert listed[-3:-1] == ["drawn: 2 weights, from 3 to 400 days (yours)", "mine: from 114 days on (yours)"]
    assert flowhouse("definition", "remove", "mine", "--home", home).exit_code == 0
    assert "mine" not in flowhouse("definition", "list", "--home", home).output


def test_a_broken_file_hides_no_other_definition(flowhouse, tmp_path):
    home = str(tmp_path / "home")
    for name in ("before", "broken", "later"):
        flowhouse("definition", "add", name, "--step", "114", "--home", home)
    file = tmp_path / "home/definitions/broken.csv"
    file.write_text("age_days,weight\n3,many\n")
    listed = flowhouse("definition", "list", "--home", home)
    assert listed.exit_code == 3
    assert listed.output.count("(yours)") == 2
    assert f"failed: broken: {file}, line 2: weight is 'many'" in listed.stderr


def test_weights_that_fall_again_are_told_what_follows(flowhouse, tmp_path):
    weights = tmp_path / "weights.csv"
    for name, text, falls in (("up", "3,0.5\n", False), ("down", "3,1\n400,0.5\n", True)):
        weights.write_text(f"age_days,weight\n{text}")
        added = flowhouse("definition", "add", name, "--weights", str(weights), "--home", str(tmp_path / "home"))
        assert added.exit_code == 0
        assert ("fall again" in added.output) == falls
    assert "up: 1 weight, from 3 to 3 days" in flowhouse("definition", "list", "--home", str(tmp_path / "home")).output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "Say what counts by one of"),
        (("--step", "114", "--logistic", "155", "10"), "Say what counts by one of"),
        (("--step", "0"), "A step at 0 days"),
        (("--weights", "nowhere.csv"), "nowhere.csv cannot be read"),
    ],
)
def test_what_is_no_definition_is_wrong_usage(flowhouse, tmp_path, options, sentence):
    result = flowhouse("definition", "add", "mine", *options, "--home", str(tmp_path / "home"))
    assert result.exit_code == 2
    assert sentence in result.output
