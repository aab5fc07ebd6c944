"""Chains that are configured, read again and again: what is new appears, and one that is down fails alone."""

import json
import random
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import anvil
import polars as pl
import pytest
from flow_pages import FIRST, FUNDS, flows, put_page
from holders import KEY_HASH, SCRIPT_HASH, grow
from pydantic import SecretStr
from simulated import KEY, ServedNode
from stand_in import PASSWORD, REGTEST, USER, Core, know
from test_snapshot import written
from watched_chain import address_of

from ingestion.bitcoin import ledger as coins
from ingestion.errors import IngestionError, UsageError
from ingestion.evm import ledger as events
from ingestion.evm import provider as rpc
from ingestion.evm.rows import ZERO_ADDRESS
from ingestion.lake.parts import counted_parts
from ingestion.refresh import RefreshResult
from ingestion.sample import tokens as sample
from ingestion.sample.node_files import write_files
from ingestion.sample.pages import flow_page
from ingestion.sample.regtest import Chain
from ingestion.sources import farside
from orchestration import chain_reading, chains, gather
from orchestration.errors import HomeBusy
from orchestration.home import Home
from orchestration.ingest_mode import Held, Sample
from orchestration.settings import BitcoinNode, EvmProvider, OwnSeeds, Settings

START = 1_600_000_000
TIP = 60
DOWN = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def grown() -> Chain:
    chain = Chain.begin()
    chain.mine(START)
    grow(chain, TIP + 40, random.Random(7))
    return know(chain)


@pytest.fixture
def core(grown) -> Iterator[Core]:
    core = Core(upto(grown, TIP))
    yield core
    core.close()


@pytest.fixture
def served(monkeypatch) -> Iterator[ServedNode]:
    monkeypatch.setattr(rpc, "Provider", partial(rpc.Provider, sleep=lambda seconds: None))
    served = ServedNode()
    yield served
    served.close()


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home", lock_wait_seconds=0)


def upto(chain: Chain, height: int) -> Chain:
    return Chain(chain.blocks[: height + 1])


def write_node(folder: Path, chain: Chain) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    write_files(folder / "regtest" / "blocks", [chain.blocks[:30], chain.blocks[30:]])
    return folder


def node(**section) -> Settings:
    return Settings(bitcoin={"regtest": BitcoinNode(**{"confirmations": 6, **section})})


def by_rpc(core: Core, **section) -> Settings:
    return node(rpc=core.url, user=USER, password=SecretStr(PASSWORD), **section)


def provider(*urls: str, **section) -> Settings:
    return Settings(evm={"anvil": EvmProvider(rpc=tuple(map(SecretStr, urls)), **section)})


def read(home: Home, settings: Settings) -> RefreshResult:
    (chain,) = chains.configured(settings)
    return chains.read(home, settings, chain)


def height(home: Home) -> int | None:
    return coins.read_record(home.lake, REGTEST).tip_height


def rows(home: Home, source: str = "bitcoin", table: str = "blocks_daily") -> pl.DataFrame:
    return pl.concat(home.lake.read(source, table, {}, part) for part in counted_parts(home.lake, source, table))


def spends(chain: Chain, first: int) -> int:
    return sum(len(spent) for block in chain.blocks[first:] for spent in block.spent)


def test_blocks_mined_after_the_first_reading_come_with_the_next(home, grown, core):
    settings = by_rpc(core)
    first = read(home, settings)
    assert (first.source, first.mode, first.failures) == ("bitcoin/regtest", "live", ())
    assert (first.captures, first.added, height(home)) == (TIP + 1, spends(core.chain, 0), TIP)
    core.chain = upto(grown, TIP + 9)
    again = read(home, settings)
    assert (again.captures, again.added, height(home)) == (9, spends(core.chain, TIP + 1), TIP + 9)
    assert read(home, settings).captures == 0


def test_addresses_with_a_label_are_watched(home, grown, core, tmp_path):
    labels = tmp_path / "labels.csv"
    exchange, custodian = (address_of(script) for script in (KEY_HASH, SCRIPT_HASH))
    rest = "https://example.org,2024-01-01,MIT"
    labels.write_text(
        "network,address,entity,kind,source,since_date,licence,label_verdict\n"
        f"regtest,{exchange},Exchange,exchange,{rest},in_use\n"
        f"regtest,{custodian},Custodian,custodian,{rest},withdrawn\n"
    )
    settings = by_rpc(core).model_copy(update={"seeds": OwnSeeds(entities=labels)})
    read(home, settings)
    held = rows(home, table="watched_since")
    assert held.rows() == [("BTC", "regtest", exchange, "Exchange", 0, 0)]
    assert set(rows(home, table="watched_flow")["address"]) == {exchange}
    core.chain = upto(grown, TIP + 9)
    understood = labels.read_text()
    labels.write_text("nothing of this kind")
    (failure,) = read(home, settings).failures
    assert str(labels) in failure
    assert height(home) == TIP  # no block is read without the labels
    labels.write_text(understood)
    assert read(home, settings).captures == 9
    assert rows(home, table="watched_since").equals(held)


def test_labels_that_are_left_out_are_named_when_blocks_are_read(home, core, tmp_path, caplog):
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "broken.yaml").write_text("title: [")
    read(home, by_rpc(core).model_copy(update={"seeds": OwnSeeds(tagpacks=tmp_path / "packs")}))
    assert "broken.yaml" in caplog.text


def test_how_a_reading_went_is_recorded_beside_the_ledger_and_is_no_record_of_it(home, core):
    result = read(home, by_rpc(core))
    fields = json.loads((home.lake.root / "bitcoin" / "regtest.reading.json").read_text())
    assert fields == json.loads(json.dumps(result.fields()))
    assert fields["at"] == result.at.isoformat()
    assert home.lake.records("bitcoin") == ["btc-regtest.json"]


def test_history_comes_from_the_files_and_what_is_new_from_the_node(home, grown, core, tmp_path, monkeypatch):
    monkeypatch.setattr(chain_reading, "MANY_BLOCKS", 10)
    settings = by_rpc(core, datadir=write_node(tmp_path / "node", upto(grown, TIP - 7)))
    result = read(home, settings)
    assert (result.captures, result.failures, height(home)) == (TIP + 1, (), TIP)
    assert core.asked.count("getblock()") == 7
    core.chain = upto(grown, TIP + 5)
    shutil.rmtree(tmp_path / "node")
    assert read(home, settings).failures == ()  # little is missing: the files are not needed
    core.chain = upto(grown, TIP + 40)
    late = read(home, settings)
    assert height(home) == TIP + 40
    assert "is not a node's data folder" in late.failures[0]


def test_files_older_than_the_lake_are_no_failure_where_the_node_has_the_rest(home, grown, core, tmp_path, monkeypatch):
    monkeypatch.setattr(chain_reading, "MANY_BLOCKS", 10)
    settings = by_rpc(core, datadir=write_node(tmp_path / "node", upto(grown, TIP - 7)))
    read(home, settings)
    core.chain = upto(grown, TIP + 40)
    assert (read(home, settings).failures, height(home)) == ((), TIP + 40)


def test_the_files_are_read_while_the_node_is_down_and_the_failure_stays(home, grown, tmp_path):
    settings = node(datadir=write_node(tmp_path / "node", upto(grown, TIP)), rest=DOWN)
    result = read(home, settings)
    assert (result.captures, height(home)) == (TIP + 1, TIP)
    assert "start the node, or check the address" in result.failures[0]


def test_a_node_without_its_files_is_not_asked_for_all_of_the_history(home, core, tmp_path):
    result = read(home, by_rpc(core, datadir=tmp_path / "nowhere"))
    assert "is not a node's data folder" in result.failures[0]
    assert (result.captures, height(home)) == (0, None)
    assert "getblock()" not in core.asked


def test_the_cookie_in_the_folder_serves_the_address_beside_it(home, core, grown, tmp_path):
    folder = write_node(tmp_path / "node", core.chain)
    (folder / "regtest" / ".cookie").write_text(core.cookie)
    core.chain = upto(grown, TIP + 1)
    result = read(home, node(datadir=folder, rpc=core.url))
    assert (result.failures, height(home)) == ((), TIP + 1)


def test_a_lake_begins_with_the_snapshot_once(home, grown, core, tmp_path):
    at_base = upto(grown, 40)
    (tmp_path / "utxo.dat").write_bytes(written(at_base.tip.hash, at_base.unspent))
    settings = by_rpc(core, snapshot=tmp_path / "utxo.dat")
    result = read(home, settings)
    assert (result.failures, height(home)) == ((), TIP)
    assert core.asked.count("getblock()") == TIP - 40
    core.chain = upto(grown, TIP + 3)
    again = read(home, settings)
    assert (again.captures, again.failures) == (3, ())


def test_a_node_that_catches_up_takes_nothing_away(home, grown, core):
    settings = by_rpc(core)
    read(home, settings)
    before = rows(home)
    core.chain = upto(grown, TIP - 3)
    result = read(home, settings)
    assert result.failures == (
        f"The node's regtest chain ends at height {TIP - 3}, and the home holds it up to {TIP}: let the node catch up.",
    )
    assert rows(home).equals(before)


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({}, "says no node: give it datadir, rpc or rest"),
        ({"rpc": DOWN, "rest": DOWN}, "has both rpc and rest: keep one of them"),
        ({"datadir": Path("/nowhere")}, "is not a node's data folder"),
        ({"rest": DOWN}, "start the node, or check the address"),
        ({"rpc": "http://ann:s3cr3t@127.0.0.1:1"}, "address"),
    ],
)
def test_what_a_node_is_not_is_a_failure_of_its_chain(home, section, sentence):
    result = read(home, node(**section))
    assert sentence in result.failures[0]
    assert "s3cr3t" not in result.failures[0]
    assert json.loads(home.lake.read_record("bitcoin", "regtest.reading.json"))["failures"] == [*result.failures]


def test_an_error_that_nobody_foresaw_is_a_failure_without_its_text(home, core, monkeypatch):
    def fail(*args: object) -> None:
        raise ValueError(f"http://{KEY}")

    monkeypatch.setattr(coins, "create_tables", fail)
    (failure,) = read(home, by_rpc(core)).failures
    assert failure.startswith("it could not be read (ValueError in test_chains.py, line ")
    assert KEY not in failure


def test_events_of_new_blocks_come_with_the_next_reading(home, served):
    settings = provider(served.url)
    first = read(home, settings)
    chain = served.provider.chain
    logs = sum(len(block.logs) for block in chain.blocks)
    assert (first.source, first.captures, first.added, first.failures) == ("evm/anvil", len(chain.blocks) - 1, logs, ())
    chain.mine(chain.blocks[-1].time + 12, [sample.transfer(sample.BITCOIN.address, *sample.TRADERS[:2], 1)])
    again = read(home, settings)
    assert (again.added, again.failures) == (1, ())
    assert rows(home, "evm", "transfers")["block_number"].max() == chain.blocks[-1].number


def test_the_next_provider_is_asked_where_one_is_down(home, served, caplog):
    other = f"http://127.0.0.1:1/{KEY}"
    result = read(home, provider(other, served.url))
    assert (result.failures, result.captures) == ((), len(served.provider.chain.blocks) - 1)
    assert "The next provider is asked" in caplog.text
    result = read(home, provider(other, "http://127.0.0.1:2"))
    assert len(result.failures) == 2
    assert all("could not be reached" in failure for failure in result.failures)
    assert KEY not in caplog.text + repr(result)


def test_a_provider_of_another_chain_is_a_failure(home, served):
    (failure,) = read(home, provider(served.url, chain_id=1)).failures
    assert "serves the chain with id 31337, not anvil (1): correct its address, or chain_id" in failure
    settings = Settings(evm={"ethereum": EvmProvider(rpc=(SecretStr(served.url),))})
    (failure,) = read(home, settings).failures
    assert "serves anvil (chain id 31337), not ethereum" in failure


def test_a_chain_whose_blooms_are_empty_is_read_where_the_settings_say_so(home, served, monkeypatch):
    asked = served.provider.eth_getBlockByNumber

    def without_bloom(tag: str, full: bool) -> dict | None:
        header = asked(tag, full)
        return header and header | {"logsBloom": "0x" + 512 * "0"}

    monkeypatch.setattr(served.provider, "eth_getBlockByNumber", without_bloom, raising=False)
    (failure,) = read(home, provider(served.url)).failures
    assert 'set blooms = "absent" under [evm.<network>]' in failure
    assert read(home, provider(served.url, blooms="absent")).failures == ()


def test_a_name_that_is_no_name_of_files_reads_nothing(home, served):
    settings = Settings(evm={"../x": EvmProvider(rpc=(SecretStr(served.url),))})
    with pytest.raises(UsageError, match="cannot be the name of a chain"):
        read(home, settings)
    assert not home.root.exists()


def test_two_chains_at_once_and_only_the_one_that_is_down_fails(tmp_path, core, served):
    home = Home(tmp_path / "home", lock_wait_seconds=60)
    settings = Settings(
        bitcoin={"regtest": BitcoinNode(rest=core.url, confirmations=6), "signet": BitcoinNode(rest=DOWN)},
        evm={"anvil": EvmProvider(rpc=(SecretStr(served.url),))},
    )
    results: dict[str, RefreshResult] = {}
    threads = [
        threading.Thread(target=lambda chain=chain: results.update({chain.network: chains.read(home, settings, chain)}))
        for chain in chains.configured(settings)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {network: len(result.failures) for network, result in results.items()} == {
        "regtest": 0,
        "signet": 1,
        "anvil": 0,
    }
    assert height(home) == TIP
    assert rows(home, "evm", "transfers").height


@pytest.fixture
def long_reading(home, core) -> Iterator[threading.Thread]:
    """A reading in another thread that has begun, and goes on until `core.closing` is set."""
    has_begun = threading.Event()

    def wait(what: str) -> None:
        if what == "getblock()":
            has_begun.set()
            core.closing.wait(60)

    core.interrupts = [wait]
    thread = threading.Thread(target=lambda: read(home, by_rpc(core)))
    thread.start()
    assert has_begun.wait(60)
    yield thread
    core.closing.set()
    thread.join()


def test_a_fund_is_refreshed_while_a_chain_is_read(home, long_reading):
    put_page(home.archive.root, FIRST, flow_page(FUNDS, [flows((FIRST - timedelta(1)).date())]))
    with home.lock():
        assert gather.update(farside.SOURCE, home, Held()).added
        gather.update_chain(home, Held())
    assert long_reading.is_alive()


def test_a_chain_that_another_reads_is_left_to_it(home, core, long_reading, caplog):
    settings = by_rpc(core)
    result = read(home, settings)
    assert (result.captures, result.failures) == (0, ())
    assert caplog.messages == [
        "Another flowhouse is reading bitcoin regtest into this home: try again when it is done."
    ]
    assert home.lake.read_record("bitcoin", "regtest.reading.json") is None
    with pytest.raises(HomeBusy, match="Another flowhouse is reading bitcoin regtest"):
        chains.ingest(home, settings, *chains.configured(settings))


def test_the_sample_is_refused_while_a_chain_is_read_into_an_empty_home(home, core, long_reading):
    with home.lock(), pytest.raises(UsageError, match="bitcoin regtest is being read into"):
        gather.update_chain(home, Sample())
    assert not home.is_sample
    core.closing.set()
    long_reading.join()
    assert height(home) == TIP


def test_a_chain_that_comes_between_two_steps_of_the_sample_leaves_it(home, core):
    with home.lock():
        gather.update_tokens(home, Sample())
    assert home.is_sample
    read(home, by_rpc(core))
    assert not home.is_sample
    with home.lock(), pytest.raises(UsageError, match="holds real data"):
        gather.update_chain(home, Sample())
    assert (height(home), events.networks(home.lake)) == (TIP, [])


def test_the_sample_stays_where_nobody_answers(home):
    with home.lock():
        gather.update_chain(home, Sample())
    before = height(home)
    assert read(home, node(rest=DOWN)).failures
    assert home.is_sample
    assert height(home) == before


def test_a_person_gets_the_error_and_a_slip_of_theirs_is_not_recorded(home, core, tmp_path):
    read(home, by_rpc(core))
    (chain,) = chains.configured(by_rpc(core, snapshot=tmp_path / "utxo.dat"))
    slip = chain_reading.BitcoinChain(chain.network, chain.node, must_begin=True)
    with pytest.raises(UsageError, match="start a snapshot in another --home"):
        chains.ingest(home, Settings(), slip)
    recorded = partial(home.lake.read_record, "bitcoin", "regtest.reading.json")
    assert json.loads(recorded())["failures"] == []
    with pytest.raises(IngestionError, match="start the node"):
        chains.ingest(home, Settings(), *chains.configured(node(rest=DOWN)))
    assert "start the node" in recorded()


def test_progress_in_a_log_is_a_line_in_a_while(monkeypatch):
    (chain,) = chains.configured(node(rest=DOWN))
    clock = iter([0, 10, 40, 50, 130])
    monkeypatch.setattr(chains.time, "monotonic", lambda: next(clock))
    lines: list[str] = []
    line = chains.log_progress(lines.append, chain)
    for done in (1, 20, 30, 100):
        line(done, 100, done * 1000)
    assert lines == [
        "bitcoin/regtest: 20% read, 20,000 coins spent, 3 minutes left",
        "bitcoin/regtest: 100% read, 100,000 coins spent, 0 minutes left",
    ]


def test_anvils_new_blocks_come_with_the_next_reading(home):
    if reason := anvil.missing():
        pytest.skip(reason)
    node = anvil.Anvil()
    try:
        for token in sample.WATCHED.tokens:
            node.set_code(token.address, anvil.TOKEN)
        for contract in sample.WATCHED.contracts:
            node.set_code(contract.address, anvil.TELLER)
        node.mine()
        settings = provider(node.url)
        assert read(home, settings).failures == ()
        node.move(sample.BITCOIN.address, (ZERO_ADDRESS, sample.TRADERS[0], 7), (ZERO_ADDRESS, sample.TRADERS[1], 8))
        node.mine()
        result = read(home, settings)
    finally:
        node.close()
    assert (result.captures, result.added, result.failures) == (1, 2, ())
    assert sorted(rows(home, "evm", "transfers")["amount_units"]) == [7, 8]
    assert "could not be reached" in read(home, settings).failures[0]


@pytest.fixture
def configure(monkeypatch):
    """Let these be the settings of every home."""
    return lambda settings: monkeypatch.setattr(Settings, "read", lambda *_: settings)


def test_the_command_reads_what_is_configured(flowhouse, configure, home, core, served):
    both = Settings(bitcoin=by_rpc(core).bitcoin, evm=provider(served.url).evm)
    configure(both)
    result = flowhouse("ingest", "bitcoin", "--home", home.root)
    assert (result.exit_code, result.output) == (0, f"bitcoin regtest: {TIP + 1} blocks read, height {TIP}\n")
    result = flowhouse("ingest", "evm", "--home", home.root)
    assert (result.exit_code, "held up to block 251" in result.output) == (0, True)
    assert flowhouse("ingest", "bitcoin", "--network", "regtest", "--home", home.root).exit_code == 0
    for command in (("bitcoin", "--network", "main"), ("evm", "--network", "ethereum")):
        other = flowhouse("ingest", *command, "--home", home.root)
        assert other.exit_code == 2
        assert "in flowhouse.toml" in other.output


def test_of_several_configured_chains_one_that_is_down_fails_alone(flowhouse, configure, home, core):
    nodes = {"signet": BitcoinNode(rest=DOWN), "regtest": BitcoinNode(rest=core.url, confirmations=6)}
    configure(Settings(bitcoin=nodes))
    result = flowhouse("ingest", "bitcoin", "--home", home.root)
    assert result.exit_code == 3
    assert f"bitcoin regtest: {TIP + 1} blocks read" in result.output
    assert "failed: bitcoin/signet: " in result.output
    assert flowhouse("ingest", "bitcoin", "--network", "signet", "--home", home.root).exit_code == 1


def test_the_command_says_whom_it_waits_for_and_who_kept_it(flowhouse, configure, home, core, long_reading):
    configure(Settings(lock_wait_seconds=0.2))
    result = flowhouse("ingest", "bitcoin", "--network", "regtest", "--rest", core.url, "--home", home.root)
    assert result.exit_code == 1
    waiting, kept = result.output.splitlines()
    assert waiting == "Another flowhouse is reading bitcoin regtest into this home: waiting up to 0 s."
    assert kept.startswith("flowhouse: Another flowhouse is reading bitcoin regtest into this home and was not done")


def test_a_token_of_a_longer_chain_is_named_and_the_exit_code_says_so(flowhouse, home, served):
    served.provider.chain_id = 1
    result = flowhouse("ingest", "evm", "--rpc", served.url, "--only", "WBTC", "--home", home.root)
    assert result.exit_code == 3
    assert "evm ethereum: 0 events read, nothing held" in result.output
    assert "WBTC (0x2260fac5e5542a773aa44fbcfedf7c193bc2c599) begins at block" in result.output
    assert "ends at block 251: let the node catch up, or ask one of ethereum." in result.output
