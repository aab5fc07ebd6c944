"""The settings of a home: its file, the environment above it, and one sentence about a mistake in either."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from ingestion.errors import UsageError
from orchestration.settings import BitcoinNode, EvmProvider, Settings

NOWHERE = Path("/nowhere")
SECRET = "s3cr3t-k3y"


@pytest.fixture
def read(tmp_path):
    """The settings of a home with this file, and these variables without their prefix."""

    def read(text: str = "", **variables: str) -> Settings:
        (tmp_path / "flowhouse.toml").write_text(text)
        return Settings.read(tmp_path, {f"FLOWHOUSE_{name}": value for name, value in variables.items()})

    return read


@pytest.fixture
def refused(read):
    """The sentence about the mistake in this file and these variables, without the path of the file."""

    def refused(text: str = "", **variables: str) -> str:
        with pytest.raises(UsageError) as error:
            read(text, **variables)
        sentence = str(error.value)
        assert SECRET not in sentence
        assert "\n" not in sentence
        return sentence.partition("flowhouse.toml, ")[2] or sentence

    return refused


def test_a_home_without_file_and_variables_has_the_defaults(tmp_path):
    assert Settings.read(NOWHERE, {}) == Settings()
    assert Settings.read(tmp_path, {"FLOWHOUSE_CONTACT": "", "HOME": "/root"}) == Settings()


def test_every_table_of_the_file_is_read(read, tmp_path):
    settings = read(
        """
        lock_wait_seconds = 5
        [publishers]
        contact = "me@example.org"
        sources = ["farside", "bitview"]
        mode = "live"
        [bitcoin.main]
        datadir = "node"
        rpc = "http://127.0.0.1:8332"
        cookie = "~/.bitcoin/.cookie"
        snapshot = "/utxo.dat"
        confirmations = 6
        [bitcoin]
        signet.rest = "http://127.0.0.1:38332"
        [evm.ethereum]
        rpc = ["https://a.example/key", "https://b.example"]
        only = ["WBTC"]
        from_block = 7
        [evm.mine]
        rpc = "http://127.0.0.1:8545"
        chain_id = 424242
        [seeds]
        tokens = "tokens.csv"
        [schedule]
        funds = "off"
        bars = "5,35 */2 1-15 jan-mar mon"
        time_zone = "America/New_York"
        [claims]
        strict = true
        [alerts]
        urls = ["json://localhost"]
        late_after_hours = 2.5
        [publish]
        keep_builds = 3
        [engine]
        name = "duckdb"
        memory_limit = "4GB"
        threads = 4
        """
    )
    main = settings.bitcoin["main"]
    assert (main.datadir, main.cookie) == (tmp_path / "node", Path.home() / ".bitcoin/.cookie")
    assert (main.snapshot, main.confirmations) == (Path("/utxo.dat"), 6)
    assert settings.bitcoin["signet"] == BitcoinNode(rest="http://127.0.0.1:38332")
    assert [each.get_secret_value() for each in settings.evm["ethereum"].rpc] == [
        "https://a.example/key",
        "https://b.example",
    ]
    assert settings.evm["mine"] == EvmProvider(rpc=(SecretStr("http://127.0.0.1:8545"),), chain_id=424242)
    assert settings.seeds.tokens == tmp_path / "tokens.csv"
    assert settings.publishers.sources == ("farside", "bitview")
    assert (settings.schedule.funds, settings.schedule.time_zone) == ("off", "America/New_York")
    assert (settings.claims.strict, settings.alerts.late_after_hours, settings.engine.threads) == (True, 2.5, 4)
    assert (settings.publish.keep_builds, settings.lock_wait_seconds) == (3, 5)


def test_the_environment_stands_above_the_file(read):
    text = """
    [publishers]
    contact = "file"
    mode = "held"
    [bitcoin.main]
    datadir = "node"
    confirmations = 50
    """
    settings = read(
        text,
        PUBLISHERS__MODE="live",
        PUBLISHERS__SOURCES="farside bitview",
        BITCOIN__MAIN__DATADIR="/elsewhere",
        BITCOIN__REGTEST__RPC="http://127.0.0.1:18443",
        EVM__ETHEREUM__RPC="https://a.example https://b.example",
        LOCK_WAIT_SECONDS="3",
    )
    assert (settings.publishers.contact, settings.publishers.mode) == ("file", "live")
    assert settings.publishers.sources == ("farside", "bitview")
    assert (settings.bitcoin["main"].datadir, settings.bitcoin["main"].confirmations) == (Path("/elsewhere"), 50)
    assert settings.bitcoin["regtest"].rpc == "http://127.0.0.1:18443"
    assert len(settings.evm["ethereum"].rpc) == 2
    assert settings.lock_wait_seconds == 3


def test_former_variables_keep_their_meaning(read):
    text = "[bitcoin.main]\ndatadir = '/node'\nconfirmations = 50"
    settings = read(text, CONTACT="me@example.org", MODE="live", KEEP_BUILDS="3", CONFIRMATIONS="6", RPC_USER="ann")
    assert (settings.publishers.contact, settings.publishers.mode) == ("me@example.org", "live")
    assert (settings.publish.keep_builds, settings.rpc_user) == (3, "ann")
    assert (settings.confirmations, settings.bitcoin["main"].confirmations) == (6, 6)
    one = read(text, CONFIRMATIONS="6", BITCOIN__MAIN__CONFIRMATIONS="9")
    assert one.bitcoin["main"].confirmations == 9
    both = read(MODE="live", PUBLISHERS__MODE="held")
    assert both.publishers.mode == "held"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[publishers]\nmode = 'foo'", "line 2: publishers.mode is 'foo': set it to live or held."),
        ("[publishers]\ncontact = 5", "line 2: publishers.contact is '5': set it to a text in quotes."),
        ("[publishers]\ncontac = 'x'", "line 2: there is no setting publishers.contac: write contact."),
        (
            "[publishers]\n\nsources = [\n'farside',\n'farsid']",
            "line 5: publishers.sources has 'farsid', which is no source: write farside.",
        ),
        ("[publishers]\nsources = 5", "line 2: publishers.sources is '5': set it to a list of texts in quotes."),
        ("[publisher]\nmode = 'live'", "line 1: there is no setting publisher: write publishers."),
        ("publishers = 'live'", "line 1: publishers is 'live': set it to a table of keys."),
        ("publish.keep_builds = 0", "line 1: publish.keep_builds is '0': set it to a whole number of at least 1."),
        ("publish.keep_builds = 1.5", "line 1: publish.keep_builds is '1.5': set it to a whole number of at least 1."),
        ("publish.keep_builds = true", "line 1: publish.keep_builds is true or false: set it to a whole number."),
        ("publish.keep_gib = 0", "line 1: publish.keep_gib is '0': set it to a number above 0."),
        ("publish.keep_gib = nan", "line 1: publish.keep_gib is 'nan': set it to a number above 0."),
        ("publish.keep_gib = inf", "line 1: publish.keep_gib is 'inf': set it to a number above 0."),
        ("[claims]\nstrict = 'maybe'", "line 2: claims.strict is 'maybe': set it to true or false."),
        (
            "[schedule]\nfunds = '61 * * * *'",
            "line 2: schedule.funds is '61 * * * *', which is no schedule: write minute, hour, day, month and weekday"
            " as in '30 5 * * 1-5', or off.",
        ),
        (
            "schedule = { time_zone = 'Mars/Base' }",
            "line 1: schedule.time_zone is 'Mars/Base', which is no time zone: write one such as UTC or"
            " America/New_York.",
        ),
        (
            "[engine]\nmemory_limit = 'lots'",
            "line 2: engine.memory_limit is 'lots', which is no size: write one such as 4GB or 60%.",
        ),
        ("[engine]\nname = 'flink'", "line 2: engine.name is 'flink': set it to duckdb or spark."),
        (
            "[engine]\nname = 'spark'\nspark_master = 'host:7077'",
            "line 3: engine.spark_master is 'host:7077', which is no master: write local[2], or one such as"
            " spark://host:7077.",
        ),
        (
            "[engine]\nspark_master = 'local[2]'",
            "line 2: engine.spark_master says nothing to duckdb: set engine.name to spark.",
        ),
        (
            "[engine]\nname = 'spark'\nmemory_limit = '60%'",
            "line 3: engine.memory_limit is '60%': on spark, write a size of at least 512MiB.",
        ),
        (
            "[engine]\nname = 'spark'\nmemory_limit = '500MB'",
            "line 3: engine.memory_limit is '500MB': on spark, write a size of at least 512MiB.",
        ),
        (
            "[publish]\nto = ''",
            "line 2: publish.to is empty: name a folder, or s3://bucket/prefix (or gs://, az://).",
        ),
        (
            "[publish]\nto = 'gs://x/y'",
            "line 2: publish.to is 'gs://x/y', which is no bucket with a prefix: write one such as s3://bucket/prefix"
            " (or gs://, az://).",
        ),
        (
            "[publish]\nto = 's3://key:word@bucket'",
            "line 2: publish.to holds a key: write s3://bucket/prefix, and put keys into the provider's variables.",
        ),
        (
            "[lake]\nurl = '/data/lake'",
            "line 2: lake.url is '/data/lake', which is no address of a store: write one such as s3://bucket/prefix"
            " (or gs://, az://).",
        ),
        (
            "[lake]\nurl = ''",
            "line 2: lake.url is '', which is no address of a store: write one such as s3://bucket/prefix (or gs://,"
            " az://).",
        ),
        (
            "[lake]\nurl = 'az://account:word@container/x'",
            "line 2: lake.url holds a key: write s3://bucket/prefix, and put keys into the provider's variables.",
        ),
        (
            "seeds.valuation_prices = 'x'",
            "line 1: seeds.valuation_prices is not available in this version: remove it.",
        ),
        (
            "[publishers]\nbitview_url = 'x'",
            "line 2: publishers.bitview_url is 'x', which is no address: write one such as http://127.0.0.1:3110.",
        ),
        (
            "[publishers]\nbitview_url = 'http://me:word@host'",
            "line 2: publishers.bitview_url holds a key: write the address alone, such as http://127.0.0.1:3110.",
        ),
        (
            "[publishers]\nfarside_url = 'x'",
            "line 2: publishers.farside_url is not available in this version: remove it.",
        ),
        ("[seeds]\ntokens = 5", "line 2: seeds.tokens is '5': set it to a path in quotes."),
        (
            "[bitcoin.mian]\ndatadir = '/node'",
            "line 1: there is no network mian of Bitcoin: write main.",
        ),
        ("[bitcoin.main]\n", "line 1: bitcoin.main has nothing to read from: write datadir, rpc or rest."),
        ("[bitcoin]\nmain = 5", "line 2: bitcoin.main does not fit: set it to a table of keys."),
        (
            "[bitcoin.main]\ndatadir = '/node'\nconfirmations = 1001",
            "line 3: bitcoin.main.confirmations is '1001': set it to a whole number from 1 to 1000.",
        ),
        (
            "[bitcoin.main]\nrpc = 'http://h'\nuser = 'ann'",
            "line 3: bitcoin.main has a user alone: write both, or a cookie.",
        ),
        (
            f"[bitcoin.main]\nrpc = 'http://ann:{SECRET}@h'",
            "line 2: bitcoin.main.rpc holds a password: write it as the keys user and password.",
        ),
        (
            f"[bitcoin.main]\nrpc = '{SECRET}'",
            "line 2: bitcoin.main.rpc is no address: write one that begins with http:// or https://.",
        ),
        (
            f"[bitcoin.main]\nrpc = 'http://h'\ncookie = 'c'\nuser = 'ann'\npassword = '{SECRET}'",
            "line 3: bitcoin.main has a cookie and a password: keep one of them.",
        ),
        (
            "[bitcoin.main]\nrpc = 'http://h'\nrest = 'http://h'",
            "line 3: bitcoin.main has rpc and rest: keep one of them.",
        ),
        (
            "[bitcoin.main]\ndatadir = 'd'\ncookie = 'c'",
            "line 3: bitcoin.main has a password or a cookie, which only rpc needs: write rpc, or remove them.",
        ),
        ("[evm.ethereum]\nfrom_block = 1", "line 1: evm.ethereum.rpc is missing: write it there."),
        ("[evm.ethereum]\nrpc = []", "line 2: evm.ethereum.rpc is empty: write the address of a provider."),
        (
            f"[evm.ethereum]\nrpc = ['http://h', '{SECRET}']",
            "line 2: evm.ethereum.rpc is no address: write one that begins with http:// or https://.",
        ),
        (
            "[evm.etherium]\nrpc = 'http://h'",
            "line 1: the seeds do not know the network etherium: write ethereum, or give its chain_id.",
        ),
        (
            "[evm.ethereum]\nrpc = 'http://h'\nchain_id = 2",
            "line 3: the chain id of ethereum is 1: write that, or give another name.",
        ),
        *(
            (
                f"[evm.ethereum]\nrpc = 'http://h'\nrange_blocks = 10{more}",
                "line 3: evm.ethereum.range_blocks cuts the blocks below from_block into ranges, 1 to 10,000 of them:"
                " write the from_block at which new blocks begin, and larger ranges.",
            )
            for more in ("", "\nfrom_block = 100_001")
        ),
        (
            "[evm.main]\nrpc = 'http://h'\nchain_id = 2",
            "line 1: main is a network of Bitcoin: give the account chain another name.",
        ),
        (f"[alerts]\nurls = [5, '{SECRET}']", "line 2: alerts.urls does not fit: set it to a text in quotes."),
        (
            f"[alerts]\nurls = {{ a = '{SECRET}' }}",
            "line 2: alerts.urls does not fit: set it to a list of texts in quotes.",
        ),
        ("rpc_user = 'ann'", "line 1: rpc_user is not read here: write it in the table of its network."),
        (
            "[publishers\n",
            "line 1: it is not TOML (Expected ']' at the end of a table declaration): correct that line.",
        ),
        ("a = 1\na = 2", "line 2: it is not TOML (Cannot overwrite a value): correct that line."),
        ("a = '''\n\n", "line 3: it is not TOML (Expected \"'''\"): correct that line."),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence_with_its_line(refused, text, sentence):
    assert refused(text) == sentence


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"KEEP_BUILDS": "many"}, "FLOWHOUSE_KEEP_BUILDS is 'many': set it to a whole number of at least 1."),
        ({"KEEP_BUILDS": "0"}, "FLOWHOUSE_KEEP_BUILDS is '0': set it to a whole number of at least 1."),
        ({"CONFIRMATIONS": "1001"}, "FLOWHOUSE_CONFIRMATIONS is '1001': set it to a whole number from 1 to 1000."),
        ({"MODE": "replay"}, "FLOWHOUSE_MODE is 'replay': set it to live or held."),
        ({"PUBLISHERS__MODE": "x"}, "FLOWHOUSE_PUBLISHERS__MODE is 'x': set it to live or held."),
        (
            {"PUBLISHERS__SOURCES": "farsid"},
            "FLOWHOUSE_PUBLISHERS__SOURCES has 'farsid', which is no source: write farside.",
        ),
        (
            {"PUBLISHERS__CONTAC": "x"},
            "FLOWHOUSE_PUBLISHERS__CONTAC: there is no setting publishers.contac: write contact.",
        ),
        ({"KEEP_BUILD": "3"}, "There is no setting FLOWHOUSE_KEEP_BUILD: write FLOWHOUSE_KEEP_BUILDS."),
        (
            {"PUBLISHERS": "x"},
            "FLOWHOUSE_PUBLISHERS is a table of keys: set each by itself, as FLOWHOUSE_PUBLISHERS__KEY.",
        ),
        (
            {"BITCOIN__MAIN": "{}", "BITCOIN__MAIN__DATADIR": "x"},
            "FLOWHOUSE_BITCOIN__MAIN is a table of keys: set each by itself, as FLOWHOUSE_BITCOIN__MAIN__KEY.",
        ),
        ({"EVM": "x"}, "FLOWHOUSE_EVM is a table of keys: set each by itself, as FLOWHOUSE_EVM__NETWORK__KEY."),
        ({"LOCK_WAIT_SECONDS": "-1"}, "FLOWHOUSE_LOCK_WAIT_SECONDS is '-1': set it to a number of at least 0."),
        (
            {"BITCOIN__MAIN__RPC": f"http://x:{SECRET}@h"},
            "FLOWHOUSE_BITCOIN__MAIN__RPC: bitcoin.main.rpc holds a password: write it as the keys user and password.",
        ),
        (
            {"SCHEDULE__FUNDS__X": "1"},
            "There is no setting FLOWHOUSE_SCHEDULE__FUNDS__X: write FLOWHOUSE_SCHEDULE__FUNDS.",
        ),
    ],
)
def test_a_mistake_in_the_environment_is_one_sentence_with_the_variable(refused, variables, sentence):
    assert refused(**variables) == sentence


def test_a_mistake_in_a_variable_is_not_laid_to_the_list_that_it_replaces(refused):
    sentence = refused("publishers.sources = ['farside']", PUBLISHERS__SOURCES="farsid")
    assert sentence.startswith("FLOWHOUSE_PUBLISHERS__SOURCES has 'farsid'")


def test_variables_that_are_no_settings_are_let_be(read):
    assert read(HOME="/x", BUILD_FILE="b", RAW_PATH="r", WAREHOUSE="w") == Settings()


def test_a_secret_may_be_in_a_variable_of_any_name(tmp_path):
    (tmp_path / "flowhouse.toml").write_text(
        """
        [bitcoin.main]
        rpc = "http://h"
        user = "ann"
        password_env = "FLOWHOUSE_NODE_PASSWORD"
        [evm.ethereum]
        rpc_env = ["FIRST", "SECOND"]
        """
    )
    given = {"FLOWHOUSE_NODE_PASSWORD": SECRET, "FIRST": "https://a", "SECOND": "https://b"}
    settings = Settings.read(tmp_path, given)
    assert settings.bitcoin["main"].password.get_secret_value() == SECRET
    assert [each.get_secret_value() for each in settings.evm["ethereum"].rpc] == ["https://a", "https://b"]
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[alerts]\nurls_env = 'NOBODY'",
            "line 2: alerts.urls_env is NOBODY, a variable that is not set: set it, or name another.",
        ),
        (
            f"[alerts]\nurls_env = 'json://{SECRET}'",
            "line 2: alerts.urls_env is not the name of a variable: write one such as URLS.",
        ),
        ("[alerts]\nurls = []\nurls_env = 'A'", "line 3: urls and urls_env exclude each other: keep one of them."),
        (
            "[publishers]\ncontact_env = 'A'",
            "line 2: there is no setting publishers.contact_env: write contact.",
        ),
    ],
)
def test_a_secret_that_cannot_be_looked_up_is_refused(refused, text, sentence):
    assert refused(text) == sentence


def test_a_secret_is_never_shown(read):
    settings = read(
        f"bitcoin.main.rpc = 'http://h/{SECRET}'\nalerts.urls = ['json://{SECRET}']\nevm.ethereum.rpc = 'http://{SECRET}'",
        RPC_PASSWORD=SECRET,
        EVM_RPC_URL=f"http://h/{SECRET}",
    )
    assert settings.rpc_password.get_secret_value() == SECRET
    assert SECRET not in repr(settings)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "flowhouse.toml").mkdir()
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\)"):
        Settings.read(tmp_path, {})
    (tmp_path / "flowhouse.toml").rmdir()
    (tmp_path / "flowhouse.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(UsageError, match=r"line 2: it is not UTF-8: save the file as UTF-8\."):
        Settings.read(tmp_path, {})


@pytest.mark.parametrize(
    "expression",
    [
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "1/2 * * * *",
        "a * * * *",
        "1, * * * *",
        "- * * * *",
        "* * * * * *",
        "@daily",
        "",
        "²  * * * *",
    ],
)
def test_a_schedule_that_cannot_be_is_refused(refused, expression):
    assert "which is no schedule" in refused(f"schedule.funds = '{expression}'")


@pytest.mark.parametrize(
    "expression", ["*/30 * * * *", "20 0,6 * * *", "0-59/5 1-2,4 1,15 jan,feb-DEC sun-fri", "0 0 31 12 7", "off"]
)
def test_a_schedule_that_can_be_is_taken(read, expression):
    assert read(f"schedule.funds = '{expression}'").schedule.funds == expression
