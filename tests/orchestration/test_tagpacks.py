"""TagPacks: what is read of them, what is left out and said, and what never happens whatever they hold."""

from pathlib import Path

import pytest

from ingestion.errors import UsageError
from orchestration import own_seeds, tagpacks
from orchestration.home import Home
from orchestration.settings import OwnSeeds, Settings

GENESIS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
WITNESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
CHECKED = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
PAGE = "https://example.org/page"
NETWORKS = {"main", "ethereum"}
HEADER = f"title: Made\ncreator: Nobody\nsource: {PAGE}\ncurrency: BTC\nlabel: Shop\n"


def pack(folder: Path, text: str | bytes, name: str = "made.yaml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def rows(folder: Path, text: str) -> list[dict[str, str]]:
    read = tagpacks.read(pack(folder, text), NETWORKS)
    assert read.problems == []
    return [row for _, row in read.tags]


def problem(folder: Path, text: str | bytes) -> str:
    read = tagpacks.read(pack(folder, text), NETWORKS)
    (problem,) = read.problems
    return f"line {problem.place.line}: {problem.sentence}"


def test_tags_inherit_the_header_wherever_it_stands_and_may_say_otherwise(tmp_path):
    text = f"""
tags:
  - address: {GENESIS}
  - {{address: '{WITNESS.upper()}', label: Pit, concepts: [defi, Mining Service, miner], lastmod: 2024-01-26}}
  - address: {CHECKED}
    network: ETH
    currency: USDT
    actor: shop_inc
    category: exchange
{HEADER}lastmod: 2019-07-03T00:00:00
category: Wallet Service
license: CC-BY-4.0
"""
    first, second, third = rows(tmp_path, text)
    assert first == {
        "network": "main", "address": GENESIS, "entity": "Shop", "kind": "wallet_service", "source": PAGE,
        "since_date": "2019-07-03", "licence": "CC-BY-4.0", "label_verdict": "in_use",
    }  # fmt: skip
    assert (second["address"], second["entity"], second["since_date"]) == (WITNESS, "Pit", "2024-01-26")
    assert (third["network"], third["address"], third["entity"]) == ("ethereum", CHECKED.lower(), "shop_inc")
    assert third["kind"] == "exchange"


def test_the_licence_is_that_of_the_folder_where_the_header_names_none(tmp_path):
    (tmp_path / "LICENSE").write_text("MIT License\n\nCopyright ...")
    text = f"{HEADER}tags: [{{address: {GENESIS}}}]\n"
    assert rows(tmp_path / "repository/packs", text)[0]["licence"] == "MIT"


def test_tags_of_other_networks_of_no_address_and_of_an_abuse_are_counted(tmp_path):
    text = f"{HEADER}tags:\n  - {{address: LbTjMGN7gELw4KbeyQf6cTCq859hD18guE, currency: LTC}}\n  - tx_hash: ab\n"
    text += f"  - {{address: {GENESIS}, abuse: phishing}}\n"
    read = tagpacks.read(pack(tmp_path, text), NETWORKS)
    assert (read.tags, read.problems, read.elsewhere) == ([], [], 3)
    kept = f"{HEADER}abuse: phishing\ntags: [{{address: {GENESIS}, actor: thief}}]\n"
    assert rows(tmp_path, kept)[0]["entity"] == "thief"


@pytest.mark.parametrize(
    ("tag", "sentence"),
    [
        (f"{{address: {GENESIS[:-1]}b}}",
         f"address is '{GENESIS[:-1]}b': its checksum (Base58Check) does not fit, so there is no such address: copy it"
         " again."),
        (f"{{address: '{CHECKED.replace('fB', 'fb')}', currency: ETH}}",
         f"address is '{CHECKED.replace('fB', 'fb')}': its checksum (EIP-55) does not fit: copy it again."),
        ("x", "it is no tag, which has fields: write them, or remove it."),
        ("", "it is no tag, which has fields: write them, or remove it."),
        ("[a, [b]]", "it is no tag, which has fields: write them, or remove it."),
        ("*name", "it is no tag, which has fields: write them, or remove it."),
        (f"{{address: {GENESIS}, source: ''}}", "source is missing: write it, or remove the tag."),
        (f"{{address: {GENESIS}, label: [a, b]}}", "label is missing: write it, or remove the tag."),
        (f"{{address: {GENESIS}, label: *name}}", "label is missing: write it, or remove the tag."),
        (f"{{address: {GENESIS}, label: \"\\e[2J\"}}", "entity is no text of up to 500 characters: correct it"),
        (f"{{address: {GENESIS}, label: {'x' * 501}}}", "entity is no text of up to 500 characters: correct it"),
    ],
)  # fmt: skip
def test_a_tag_that_does_not_fit_is_left_out_with_its_line(tmp_path, tag, sentence):
    text = f"{HEADER}creator: &name x\ntags:\n  - address: {WITNESS}\n  - {tag}\n"
    read = tagpacks.read(pack(tmp_path, text), NETWORKS)
    assert [row["address"] for _, row in read.tags] == [WITNESS]
    assert [each.place.line for each in read.problems] == [9]
    assert read.problems[0].sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"creator: a\ntags: [{{address: {GENESIS}}}]", "line 1: title is missing, so it is no TagPack: add it, or"),
        ("title: a\ncreator: b\n", "line 1: tags is missing, so it is no TagPack: add it, or remove the file."),
        ("title: a\ncreator: b\ntags: none\n", "line 1: tags is no list: write one, or remove the file."),
        ("- a\n", "line 1: it has no fields, so it is no TagPack: remove the file."),
        ("", "line 1: it has no fields, so it is no TagPack: remove the file."),
        ("title: a\n  creator: b\n", "line 2: it is not YAML (mapping values are not allowed in this context): "),
        ("? [a]\n: b\n", "line 1: a field has no name, so it is no TagPack: correct it, or remove the file."),
        (f"{HEADER}tags: []\n---\n{HEADER}", "line 1: it holds two documents: make it two files."),
        (b"title: \xff\n", "line 1: it is not YAML ("),
        (f"{HEADER}tags: [{{address: {GENESIS}", "line 7: it is not YAML ("),
    ],
)  # fmt: skip
def test_a_pack_that_is_none_is_left_out_with_a_sentence(tmp_path, text, sentence):
    read = tagpacks.read(pack(tmp_path, text), NETWORKS)
    assert (read.tags, read.is_read) == ([], False)
    assert problem(tmp_path, text).startswith(sentence)


def test_nothing_is_executed_and_no_alias_is_followed(tmp_path):
    target = tmp_path / "made_by_a_pack"
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 60))
    text = f"{HEADER}a0: &a0 [x]\n{bomb}run: !!python/object/apply:pathlib.Path.touch [{target}]\ntags: []\n"
    assert rows(tmp_path, text) == []
    assert not target.exists()


def test_a_pack_is_bounded_in_size(tmp_path, monkeypatch):
    monkeypatch.setattr(tagpacks, "MAX_BYTES", 2**20)
    file = pack(tmp_path, f"{HEADER}tags: []\n" + "#" * 2**20)
    assert tagpacks.read(file, NETWORKS).problems[0].sentence == "it has more than 1 MiB: split it."


def test_a_folder_is_read_without_what_is_hidden_or_no_pack(tmp_path):
    for name in ("a.yaml", "deep/b.yml", ".github/c.yaml", "notes.txt"):
        pack(tmp_path, HEADER, name)
    assert tagpacks.files(tmp_path) == [tmp_path / "a.yaml", tmp_path / "deep/b.yml"]
    for text in ("title: a\nactors: [{id: x}]\n", "baseURI: https://example.org\n"):
        read = tagpacks.read(pack(tmp_path, text), NETWORKS)
        assert (read.tags, read.problems) == ([], [])
    with pytest.raises(UsageError, match=r"is not a folder: name one with TagPacks as seeds\.tagpacks"):
        tagpacks.files(tmp_path / "nothing")


def settings(folder: Path, **files: Path) -> Settings:
    return Settings(seeds=OwnSeeds.model_validate({"tagpacks": folder, **files}))


def stored(home: Home) -> list[tuple[str, ...]]:
    return home.lake.read("own_seeds", "entities", {}).select("address", "entity", "kind", "licence").rows()


def said(home: Home) -> list[tuple[str, ...]]:
    return home.lake.read("own_seeds", "entities", {}).select("label_verdict", "origin").rows()


def test_a_label_of_several_tags_in_conflict_is_one_row(tmp_path):
    home, folder = Home(tmp_path / "home"), tmp_path / "packs"
    tags = [f"{{address: {GENESIS}, label: {name}}}" for name in ("Shop", "SHOP", "Pit", "Shop")]
    pack(folder, f"{HEADER}tags: [{', '.join(tags)}]\n")
    own_seeds.update(home, settings(folder))
    assert [row[1] for row in stored(home)] == ["Shop", "Pit"]
    assert said(home) == [("conflict", "tagpack")] * 2


def test_tags_that_contradict_each_other_are_left_out_and_own_rows_decide(tmp_path, caplog):
    home, folder, own = Home(tmp_path / "home"), tmp_path / "packs", tmp_path / "entities.csv"
    other = WITNESS.upper()
    pack(folder, f"{HEADER}tags: [{{address: {GENESIS}}}, {{address: {WITNESS}}}]\n", "a.yaml")
    pack(folder, f"{HEADER}category: exchange\ntags: [{{address: {GENESIS}, label: SHOP}}, {{address: {other},"
         " label: Pit}]\n", "b.yaml")  # fmt: skip
    own_seeds.update(home, settings(folder))
    assert stored(home) == [
        (GENESIS, "Shop", "exchange", ""),
        (WITNESS, "Shop", "unclassified", ""),
        (WITNESS, "Pit", "exchange", ""),
    ]
    assert said(home) == [("in_use", "tagpack"), ("conflict", "tagpack"), ("conflict", "tagpack")]
    assert "0 tags that do not fit, and 1 addresses whose tags contradict each other, are left out" in caplog.text
    own.write_text(f"network,address,entity,kind\nmain,{WITNESS},shop,custodian\n")
    own_seeds.update(home, settings(folder, entities=own))
    assert stored(home) == [(WITNESS, "shop", "custodian", ""), (GENESIS, "shop", "exchange", "")]
    assert said(home) == [("in_use", "own"), ("in_use", "tagpack")]


def test_a_withdrawn_row_keeps_a_tag_out(tmp_path):
    home, own = Home(tmp_path / "home"), tmp_path / "entities.csv"
    pack(tmp_path / "packs", f"{HEADER}tags: [{{address: {WITNESS}}}]\n")
    own.write_text(f"network,address,entity,kind,label_verdict\nmain,{WITNESS},Shop,exchange,withdrawn\n")
    own_seeds.update(home, settings(tmp_path / "packs", entities=own))
    assert home.lake.read("own_seeds", "entities", {})["label_verdict"].to_list() == ["withdrawn"]


def test_a_broken_pack_is_named_and_the_rest_is_read_until_it_is_mended(tmp_path, monkeypatch):
    home, folder = Home(tmp_path / "home"), tmp_path / "packs"
    pack(folder, f"{HEADER}tags: [{{address: {GENESIS}}}]\n", "a.yaml")
    broken = pack(folder, "title: [", "b.yaml")
    for _ in range(2):  # read, and found unchanged
        (failure,) = own_seeds.update(home, settings(folder))
        assert failure.startswith(f"{broken}, line ")
        assert failure.endswith("correct that line. The pack is left out.")
        assert len(stored(home)) == 1
        monkeypatch.setattr(tagpacks, "read", None)
    monkeypatch.undo()
    pack(folder, f"{HEADER}tags: [{{address: {WITNESS}}}]\n", "b.yaml")
    assert own_seeds.update(home, settings(folder)) == ()
    assert len(stored(home)) == 2
    home.lake.write("own_seeds", "entities", home.lake.read("own_seeds", "entities", {}).head(0))
    own_seeds.update(home, settings(folder))
    assert len(stored(home)) == 2
    own_seeds.update(home, Settings())
    assert stored(home) == []
