import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import UsageError
from orchestration import own_definitions, own_seeds
from orchestration.home import Home
from orchestration.own_definitions import ONE, Weight
from orchestration.settings import Settings


def weight_at(weights, age):
    return next((each.weight for each in reversed(weights) if each.age_days <= age), 0)


def test_a_step_is_one_weight():
    assert own_definitions.step(114) == [Weight(114, ONE)]


@given(st.floats(1, 400), st.floats(0.5, 40), st.integers(0, 2_000))
def test_a_curve_has_the_weight_of_each_age_to_nine_digits(age, scale, at):
    weights = own_definitions.logistic(age, scale)
    exact = ONE / (1 + math.exp(min((age - at) / scale, 700)))
    assert abs(weight_at(weights, at) - exact) <= 1
    assert all(before.weight < after.weight for before, after in itertools.pairwise(weights))


@given(st.dictionaries(st.integers(0, 36_524), st.integers(0, ONE), min_size=1, max_size=9), st.integers(0, 36_524))
def test_weights_come_back_as_they_were_given(tmp_path_factory, ages, at):
    weights = [Weight(age, ages[age]) for age in sorted(ages)]
    home = Home(tmp_path_factory.mktemp("home"))
    if not (kept := own_definitions.changes(weights)):
        return
    own_definitions.add(home, "mine", kept)
    assert weight_at(own_definitions.read(home)["mine"], at) == weight_at(weights, at)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "line 1: begin the file with age_days,weight"),
        (b"age,weight\n1,1\n", "line 1: begin the file"),
        (b"age_days,weight\n", "no coin counts at any age"),
        (b"age_days,weight\n5,0\n", "no coin counts at any age"),
        (b"age_days,weight\n5,1\n5,0.5\n", "age 5 follows 5"),
        (b"age_days,weight\n7,1\n5,0.5\n", "age 5 follows 7"),
        (b"age_days,weight\n5,1.1\n", "line 2: weight is '1.1'"),
        (b"age_days,weight\n5,-1\n", "line 2: weight is '-1'"),
        (b"age_days,weight\n5,nan\n", "line 2: weight is 'nan'"),
        (b"age_days,weight\n5.5,1\n", "line 2: age_days is '5.5'"),
        (b"age_days,weight\n36525,1\n", "line 2: age_days is '36525'"),
        (b"age_days,weight\n5\n", "line 2: it has 1 cells, not 2"),
        (b"\xff", "is not a CSV in UTF-8"),
    ],
)
def test_a_file_that_does_not_fit_is_named(content, sentence):
    with pytest.raises(UsageError, match=sentence):
        own_definitions.parse(content, "w.csv")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: own_definitions.step(0), "A step at 0 days"),
        (lambda: own_definitions.step(36_525), "A step at 36525 days"),
        (lambda: own_definitions.logistic(155, 0), "give a scale above 0"),
        (lambda: own_definitions.logistic(155, -1), "give a scale above 0"),
        (lambda: own_definitions.logistic(155, 1e9), "ends within 36,524 days"),
        (lambda: own_definitions.logistic(math.nan, 10), "does not fit"),
    ],
)
def test_what_no_age_reaches_is_no_definition(make, sentence):
    with pytest.raises(UsageError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("age_155d_step", "is a definition of the project's"),
        ("as_published", "is a definition of the project's"),
        ("../mine", "is no name"),
        ("Mine", "is no name"),
        ("", "is no name"),
        ("taken", "flowhouse definition remove taken"),
    ],
)
def test_a_name_is_plain_and_new(tmp_path, name, sentence):
    home = Home(tmp_path)
    own_definitions.add(home, "taken", own_definitions.step(5))
    with pytest.raises(UsageError, match=sentence):
        own_definitions.add(home, name, own_definitions.step(6))
    assert own_definitions.read(home) == {"taken": own_definitions.step(5)}


def test_the_lake_has_the_weights_until_the_definition_is_removed(tmp_path):
    home = Home(tmp_path)
    own_definitions.add(home, "mine", own_definitions.step(114))
    own_seeds.update(home, Settings())
    assert home.lake.read("own_seeds", "holder_weights", {}).rows() == [("mine", 114, ONE)]
    own_definitions.remove(home, "mine")
    own_seeds.update(home, Settings())
    assert home.lake.read("own_seeds", "holder_weights", {}).is_empty()
    with pytest.raises(UsageError, match="There is no definition 'mine' of your own: those are none"):
        own_definitions.remove(home, "mine")


def test_a_file_whose_name_is_none_is_said_and_the_others_are_read(tmp_path):
    home = Home(tmp_path)
    own_definitions.add(home, "mine", own_definitions.step(100))
    for name in ("Mine2.csv", "MINE.CSV", "notes.txt"):
        (tmp_path / "definitions" / name).write_text("age_days,weight\n100,1\n")
    own_seeds.create_tables(home.lake)
    unread = own_seeds.update(home, Settings())
    assert [sentence.split(" is not read: ")[0][-9:].lstrip("/") for sentence in unread] == ["MINE.CSV", "Mine2.csv"]
    assert own_definitions.names(home) == ["mine"]


@pytest.mark.parametrize(
    ("file", "said"),
    [("nothing.csv", "nothing.csv cannot be read"), (".", "cannot be read (Is a directory)"), ("moves.csv", "line 2")],
)
def test_the_doctor_fails_where_a_file_of_the_user_cannot_be_read(flowhouse, tmp_path, file, said):
    (tmp_path / "moves.csv").write_text("move_date,owner\n2025-11-02,Me\n")
    (tmp_path / "flowhouse.toml").write_text(f'[seeds]\ninternal_moves = "{file}"\n')
    done = flowhouse("doctor", "--home", tmp_path)
    assert (done.exit_code, said in done.output) == (1, True), done.output
