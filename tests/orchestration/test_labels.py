"""`flowhouse labels check`: what it finds in the project's labels, the user's and those of TagPacks."""

import csv
import io
import json
from pathlib import Path

import pytest

from orchestration import own_seeds, seeds

GENESIS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
WITNESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
BINANCE = "0x28c6c06298d514db089934071355e5743bf21d60"
PAGE = "https://example.org/page"
ENTITIES = "network,address,entity,kind,source,licence,label_verdict"
FUNDS = "ticker,network,address,provenance,licence,label_verdict"
HEADER = f"title: Made\ncreator: Nobody\nlicense: MIT\nsource: {PAGE}\ncurrency: BTC\nlabel: Shop\n"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def found(flowhouse, home):
    """What is found in files of these contents, as file, line, check and sentence."""

    def found(*named: Path | str, **files: str) -> list[tuple[str, int, str, str]]:
        for name, text in files.items():
            (home / f"{name}.csv").write_text(text)
        configured = "".join(f'{name} = "{name}.csv"\n' for name in files)
        packs = 'tagpacks = "packs"\n' if (home / "packs").is_dir() else ""
        (home / "flowhouse.toml").write_text(f"[seeds]\n{configured}{packs}")
        done = flowhouse("labels", "check", *named, "--format", "json", "--home", home)
        findings = json.loads(done.stdout)
        assert done.exit_code == (1 if findings else 0), done.output
        return [(Path(each["file"]).name, each["line"], each["check"], each["sentence"]) for each in findings]

    return found


def test_the_projects_labels_are_without_findings(flowhouse, home):
    done = flowhouse("labels", "check", "--home", home)
    assert (done.exit_code, done.stdout) == (0, "")
    rows = sum(len(seeds.read(table)) for table in own_seeds.LABELS)
    assert f"{rows} labels checked, 0 findings." in done.output


def test_labels_in_order_are_without_findings(found):
    assert found(
        entities=f"{ENTITIES}\nmain,{GENESIS},Shop,exchange,{PAGE},MIT,\nmain,{WITNESS},Pit,miner,,,wrong\n",
        fund_addresses=f"{FUNDS}\nIBIT,main,{GENESIS},its page {PAGE},fact,\n",
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("line", "check", "sentence"),
    [
        (f"main,{GENESIS[:-1]}b,Shop,exchange,{PAGE},MIT,", "row",
         f"address is '{GENESIS[:-1]}b': its checksum (Base58Check) does not fit, so there is no such address: copy it"
         " again."),
        (f"main,{GENESIS},Shop,exchange,,MIT,", "source",
         "source is '': write the address of the page that says so, with https://."),
        (f"main,{GENESIS},Shop,exchange,somebody,MIT,", "source",
         "source is 'somebody': write the address of the page that says so, with https://."),
        (f"main,{GENESIS},Shop,exchange,{PAGE},,", "licence",
         "licence is '': write that of its source, one of MIT, Apache-2.0, BSD-2-Clause, BSD-3-Clause, CC0-1.0,"
         " CC-BY-4.0, CC-BY-SA-4.0, CC-BY-NC-4.0, ODbL-1.0, ODC-By-1.0, fact, own, restricted."),
        (f"mian,0x{'0' * 40},Shop,exchange,{PAGE},MIT,", "network", "network is 'mian': write main."),
        (f"ethereum,{BINANCE.upper().replace('X', 'x')},Binance,exchange,{PAGE},MIT,", "duplicate",
         f"it stands in {seeds.path('entities')}, line 2 already: keep one of them."),
        (f"ethereum,{BINANCE},Kraken,exchange,{PAGE},MIT,", "conflict",
         f"it is Kraken (exchange) here and Binance (exchange) in {seeds.path('entities')}, line 2: keep the one that"
         " its source proves."),
        (f"ethereum,{BINANCE},Binance,custodian,{PAGE},MIT,", "conflict",
         f"it is Binance (custodian) here and Binance (exchange) in {seeds.path('entities')}, line 2: keep the one that"
         " its source proves."),
        (f"main,{GENESIS},BINANCE,exchange,{PAGE},MIT,", "spelling",
         f"'BINANCE' is 'Binance' in {seeds.path('entities')}, line 2: write one of them in both."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_row_is_said_with_what_to_do(found, line, check, sentence):
    good = f"main,{WITNESS},Pit,miner,{PAGE},own,"
    assert found(entities=f"{ENTITIES}\n{good}\n{line}\n") == [("entities.csv", 3, check, sentence)]


def test_a_label_that_was_withdrawn_is_found_where_it_is_still_given(found, home):
    (home / "packs").mkdir()
    (home / "packs/a.yaml").write_text(f"{HEADER}tags:\n  - address: {WITNESS.upper()}\n  - address: {GENESIS}\n")
    assert found(entities=f"{ENTITIES}\nmain,{WITNESS},Shop,exchange,,,withdrawn\n") == [
        ("a.yaml", 8, "withdrawn",
         f"the label Shop (exchange) is withdrawn in {home}/entities.csv, line 2: remove one of the two rows."),
    ]  # fmt: skip


def test_an_address_of_two_funds_contradicts_itself(found):
    lines = f"IBIT,main,{GENESIS},{PAGE},fact,\nFBTC,main,{GENESIS},{PAGE},fact,unverified\n"
    ((_, line, check, sentence),) = found(fund_addresses=f"{FUNDS}\n{lines}")
    assert (line, check) == (3, "conflict")
    assert sentence.startswith("it is FBTC here and IBIT in ")


def test_packs_are_held_against_each_other_but_may_agree(found, home):
    (home / "packs").mkdir()
    (home / "packs/a.yaml").write_text(f"{HEADER}tags: [{{address: {GENESIS}}}, {{address: {GENESIS}}}]\n")
    (home / "packs/b.yaml").write_text(f"{HEADER}category: exchange\ntags: [{{address: {GENESIS}, label: SHOP}}]\n")
    (home / "packs/c.yaml").write_text(f"{HEADER}tags: [{{address: {GENESIS}, label: Pit}}]\n")
    (home / "packs/d.yaml").write_text("title: [")
    assert [(name, check) for name, _, check, _ in found()] == [
        ("a.yaml", "duplicate"), ("c.yaml", "conflict"), ("d.yaml", "row"),
    ]  # fmt: skip


def test_named_files_alone_are_shown_held_against_all_others(found, home, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text(f"{ENTITIES}\nmain,{GENESIS},Pit,miner,{PAGE},MIT,\n")
    own = f"{ENTITIES}\nmain,{GENESIS},Shop,exchange,,,\n"
    assert [(name, check) for name, _, check, _ in found(new, entities=own)] == [("new.csv", "conflict")]
    named = [(name, check) for name, _, check, _ in found(home / "entities.csv", entities=own)]
    assert named == [("entities.csv", "licence"), ("entities.csv", "source")]
    new.write_text("network,adress\n")
    ((_, line, check, sentence),) = found(new, entities=f"{ENTITIES}\n")
    assert (line, check, sentence) == (1, "row", "there is no column 'adress': write address.")


def test_findings_are_lines_for_people_and_rows_for_programs(flowhouse, home, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text(f"{ENTITIES}\nmain,{GENESIS},Shop,exchange,,MIT,\n")
    shown = flowhouse("labels", "check", file, "--home", home)
    sentence = "source is '': write the address of the page that says so, with https://."
    assert shown.stdout == f"{file}, line 2: {GENESIS}: {sentence}\n"
    assert "1 labels checked, 1 findings." in shown.output
    rows = csv.reader(io.StringIO(flowhouse("labels", "check", file, "--format", "csv", "--home", home).stdout))
    assert [*rows] == [["file", "line", "check", "address", "sentence"], [str(file), "2", "source", GENESIS, sentence]]


@pytest.mark.parametrize("name", ["nothing.csv", "notes.txt"])
def test_what_is_no_file_of_labels_is_wrong_usage(flowhouse, home, tmp_path, name):
    (tmp_path / "notes.txt").write_text("")
    done = flowhouse("labels", "check", tmp_path / name, "--home", home)
    assert done.exit_code == 2
    assert "name a CSV file, a TagPack, or a folder of TagPacks." in done.output


def test_a_fund_that_nobody_has_is_found_also_below_a_quoted_header(found):
    header = ",".join(f'"{column}"' for column in FUNDS.split(","))
    funds = f"{header}\nNOPE,main,{GENESIS},{PAGE},fact,\n3042,main,{WITNESS},{PAGE},fact,\n"
    ((_, line, check, sentence),) = found(fund_addresses=funds)
    assert (line, check) == (2, "ticker")
    assert sentence.startswith("ticker is 'NOPE', which no fund has: ")


@pytest.mark.parametrize("name", ["Sh\u200bop", "\u202eShop", "Shop\ufeff"])
def test_characters_that_nobody_sees_are_found(found, name):
    ((_, _, check, sentence),) = found(entities=f"{ENTITIES}\nmain,{GENESIS},{name},exchange,{PAGE},MIT,\n")
    assert check == "name"
    assert sentence.endswith(f"U+{next(ord(letter) for letter in name if ord(letter) > 127):04X}: write 'Shop'.")


def test_a_day_that_is_to_come_is_found(found):
    entities = f"{ENTITIES},since_date\nmain,{GENESIS},Shop,exchange,{PAGE},MIT,,2099-01-01\n"
    ((_, _, check, sentence),) = found(entities=entities)
    assert check == "date"
    assert sentence.startswith("since_date is '2099-01-01': write a day up to today, ")


@pytest.mark.parametrize("page", ["javascript:http://x.y", "data:text/html,https", "xhttp://x.y"])
def test_what_is_no_page_is_found(found, page):
    quoted = f'"{page}"'
    ((_, _, check, _),) = found(entities=f"{ENTITIES}\nmain,{GENESIS},Shop,exchange,{quoted},MIT,\n")
    assert check == "source"
