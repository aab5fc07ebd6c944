"""A node and a provider in `flowhouse.toml`, followed by the schedule of chains alone: tick, run, published marts."""

import random
import runpy
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import anvil
import duckdb
import pytest
from dagster import AssetCheckKey, AssetKey, DagsterInstance, build_schedule_context
from flow_pages import FIRST as FLOWS_AT
from flow_pages import FUNDS, flows, put_page
from holders import grow
from pydantic import SecretStr
from stand_in import PASSWORD, REGTEST, USER, Core, know

from ingestion.bitcoin import ledger as coins
from ingestion.evm import provider as rpc
from ingestion.evm.rows import ZERO_ADDRESS
from ingestion.refresh import RefreshResult
from ingestion.sample import tokens as sample
from ingestion.sample.node_files import write_files
from ingestion.sample.pages import flow_page
from ingestion.sample.regtest import Chain
from orchestration import chain_reading, instance, pipeline
from orchestration.health import status
from orchestration.home import Home, now
from orchestration.ingest_mode import Held
from orchestration.outcome import READ, Outcome, events, tables_of_result
from orchestration.publishing import published
from orchestration.settings import BitcoinNode, Settings

HISTORY, FIRST, SECOND = 160, 169, 180
"""Heights of the chain: at the first tick, at the second, and after the node was away."""
AT = datetime(2026, 3, 2, 9, 7, tzinfo=UTC)
NODE = """
[bitcoin.regtest]
datadir = "{datadir}"
rpc = "{rpc}"
user = "{user}"
password = "{password}"
confirmations = 6

[evm.anvil]
rpc = ["{provider}"]
"""
OTHER_NODE = """
[bitcoin.signet]
rest = "http://127.0.0.1:1"
"""
BLOCKS = "select sum(blocks)::int, sum(transactions)::int from marts.onchain_blocks_daily where network = 'regtest'"
SPENT = "select sum(coins)::int from marts.onchain_coin_flow where network = 'regtest'"
TRANSFERS = "select sum(transfers)::int from marts.onchain_token_flows_daily where network = 'anvil'"
HOLDERS = "select max_by(holders, value_date)::int from marts.onchain_token_supply_daily where asset = 'SIMBTC'"


@dataclass(frozen=True)
class Round:
    """What one tick came to.

    Attributes:
        succeeded: by what was asked for, whether its run did.
        checks: what the check of each kind of chain says: whether it passed, and its failures.
        marts: blocks, their transactions and the coins that these spent, transfers of a token and its holders.
        states: state and sentences of each chain in `status`.
        log: what the runs said.
    """

    succeeded: dict[str, bool]
    checks: dict[str, tuple[bool, str]]
    marts: tuple[int, ...]
    states: dict[str, tuple[str, tuple[str, ...]]]
    log: list[str]


def upto(chain: Chain, height: int) -> Chain:
    return Chain(chain.blocks[: height + 1])


def tick(home: Home, dagster: DagsterInstance, at: datetime) -> Round:
    """Let the schedule of chains tick, and run what it asks for, as the daemon does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWHOUSE_HOME", str(home.root))
        definitions = runpy.run_module("orchestration.definitions")["definitions"]
    schedule = definitions.resolve_schedule_def("chains")
    # Left open, it would be closed once it is collected, amid a later tick, for which it would leave its instance.
    with build_schedule_context(dagster, scheduled_execution_time=at) as context:
        requests = schedule.evaluate_tick(context).run_requests
    succeeded, log = {}, []
    for request in requests:
        run = definitions.resolve_job_def("refresh").execute_in_process(
            instance=dagster, asset_selection=request.asset_selection, tags=request.tags, raise_on_error=False
        )
        succeeded[request.tags["flowhouse/rhythm"]] = run.success
        log += [entry.user_message for entry in dagster.all_logs(run.run_id)]
        assert run.success, [event.event_specific_data for event in run.all_events if event.is_failure]
    found = status.read(home, Settings.read(home.root), now())
    assert all(each.asked_at for each in found.chains)
    return Round(
        succeeded,
        {kind: check(dagster, kind) for kind in ("bitcoin", "evm")},
        marts(home),
        {each.name: (each.state, each.sentences) for each in found.chains},
        log,
    )


def check(dagster: DagsterInstance, kind: str) -> tuple[bool, str]:
    key = AssetCheckKey(AssetKey(tables_of_result(kind)[0].split("/")), READ)
    record = dagster.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    failures = evaluation.metadata.get("failures")
    return evaluation.passed, failures.value if failures else ""


def marts(home: Home) -> tuple[int, ...]:
    with duckdb.connect(str(published.warehouse(home)), read_only=True) as con:
        return tuple(
            value for sql in (BLOCKS, SPENT, TRANSFERS, HOLDERS) for value in con.execute(sql).fetchone() or ()
        )


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain.begin()
    chain.mine(1_600_000_000)
    grow(chain, SECOND, random.Random(7))
    return know(chain)


@pytest.fixture(scope="module")
def provider() -> Iterator[anvil.Anvil]:
    if reason := anvil.missing():
        pytest.skip(reason)
    node = anvil.Anvil()
    for token in sample.WATCHED.tokens:
        node.set_code(token.address, anvil.TOKEN)
    for contract in sample.WATCHED.contracts:
        node.set_code(contract.address, anvil.TELLER)
    mint(node, 0)
    node.skip(70)  # which makes the mint final
    yield node
    node.close()


def mint(node: anvil.Anvil, nth: int) -> None:
    node.move(sample.BITCOIN.address, (ZERO_ADDRESS, sample.TRADERS[nth], 10**8))
    node.mine()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return Home(tmp_path_factory.mktemp("scheduled") / "home")


@pytest.fixture(scope="module")
def rounds(home, chain, provider, tmp_path_factory) -> list[Round]:
    """History; more blocks; the node and another are away, and the provider goes on; all is well again."""
    datadir = tmp_path_factory.mktemp("node")
    write_files(datadir / "regtest" / "blocks", [chain.blocks[:30], chain.blocks[30 : HISTORY - 7]])
    with closing(Core(upto(chain, HISTORY))) as core:
        port = core.port
        given = {"datadir": datadir, "rpc": core.url, "user": USER, "password": PASSWORD, "provider": provider.url}
        found = [tick_with(home, NODE.format(**given), 0)]
        core.chain = upto(chain, FIRST)
        found.append(tick_with(home, NODE.format(**given), 1))
    mint(provider, 1)
    found.append(tick_with(home, NODE.format(**given) + OTHER_NODE, 2))
    with closing(Core(upto(chain, SECOND), port)):
        found.append(tick_with(home, NODE.format(**given), 3))
    return found


def tick_with(home: Home, settings: str, hour: int) -> Round:
    home.root.mkdir(exist_ok=True)
    (home.root / "flowhouse.toml").write_text(settings)
    with pytest.MonkeyPatch.context() as patch, instance.open_instance(home) as dagster:
        patch.setattr(chain_reading, "MANY_BLOCKS", 10)
        patch.setattr(rpc, "Provider", partial(rpc.Provider, sleep=lambda seconds: None))
        return tick(home, dagster, AT + timedelta(hours=hour))


def expected(chain: Chain, height: int, transfers: int) -> tuple[int, ...]:
    blocks = chain.blocks[: height + 1]
    spent = sum(len(coins) for block in blocks for coins in block.spent)
    return height + 1, sum(len(block.transactions) for block in blocks), spent, transfers, transfers


def test_history_and_then_new_blocks_are_published_by_the_schedule_alone(rounds, chain):
    wanted = [(HISTORY, 1), (FIRST, 1), (FIRST, 2), (SECOND, 2)]
    assert [each.marts for each in rounds] == [expected(chain, *each) for each in wanted]
    assert [each.succeeded for each in rounds] == [{"bitcoin": True, "evm": True}] * 4


def test_a_node_that_is_away_fails_its_own_check_and_is_named(rounds):
    assert [each.checks["evm"] for each in rounds] == [(True, "")] * 4
    assert [each.checks["bitcoin"][0] for each in rounds] == [True, True, False, True]
    regtest, signet = rounds[2].checks["bitcoin"][1].splitlines()
    assert regtest.startswith("bitcoin/regtest: ")
    assert "start the node, or check the address" in regtest
    assert signet.startswith("bitcoin/signet: ")


def test_status_says_the_same_as_the_checks(rounds):
    for each in rounds:
        for kind, (passed, failures) in each.checks.items():
            failed = {name: state for name, state in each.states.items() if name.startswith(kind) and state[0] != "ok"}
            assert passed == (not failed)
            said = [f"{name}: {sentence}" for name, (_, sentences) in failed.items() for sentence in sentences]
            assert sorted(failures.splitlines()) == sorted(said)


def test_the_log_of_a_run_says_how_far_a_chain_is_read(rounds):
    assert any(line.startswith("bitcoin/regtest: 100% read") for line in rounds[0].log)
    assert any(line.startswith("evm/anvil: 100% read") for line in rounds[0].log)


def test_nothing_that_a_run_leaves_has_the_nodes_password(rounds, home):
    for path in home.root.rglob("*"):
        if path.is_file() and path.name != "flowhouse.toml":
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_funds_are_refreshed_and_published_while_a_chain_is_read(rounds, home, chain):
    """Last: it changes the home."""
    has_begun = threading.Event()
    grown = chain.fork(SECOND)
    grow(grown, 1, random.Random(8))

    def wait(what: str) -> None:
        if what == "getblock()":
            has_begun.set()
            core.closing.wait(60)

    with closing(Core(know(grown))) as core:
        core.interrupts = [wait]
        node = BitcoinNode(rpc=core.url, user=USER, password=SecretStr(PASSWORD), confirmations=6)
        reading = threading.Thread(target=run, args=(home, "bitcoin/regtest", Settings(bitcoin={"regtest": node})))
        reading.start()
        assert has_begun.wait(60)
        put_page(home.archive.root, FLOWS_AT, flow_page(FUNDS, [flows((FLOWS_AT - timedelta(1)).date())]))
        outcome = run(home, "farside", Settings())
        assert (outcome.is_new, reading.is_alive()) == (True, True)
        core.closing.set()
        reading.join()
    assert coins.read_record(home.lake, REGTEST).tip_height == SECOND + 1


def run(home: Home, source: str, settings: Settings) -> Outcome:
    """The pipeline over one source; a chain's reading alone where there is a node."""
    outcome = Outcome()
    request = pipeline.Request(Held(), {source}, asks_chains=True, derives=not settings.bitcoin)
    pipeline.run(home, request, settings, pipeline.Listeners(), outcome)
    return outcome


def test_chains_of_one_kind_are_one_event_of_each_table():
    results = [RefreshResult(f"bitcoin/{network}", "live", now(), 1, 2) for network in ("main", "signet")]
    found = [(event.kind, event.asset) for event in events(Outcome(results))]
    assert len({*found}) == len(found) > 0
