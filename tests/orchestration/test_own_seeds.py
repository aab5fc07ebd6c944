"""A user's own tokens, contracts, entities and wallets: their CSV files, and the way from these to the marts."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from simulated import ServedNode

from ingestion.errors import UsageError
from ingestion.sample import tokens as sample
from orchestration import own_seeds, seeds
from orchestration.home import Home
from orchestration.settings import EvmProvider, OwnSeeds, Settings

ADDRESS = "0x00000000000000000000000000000000000000AA"
CHECKED = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
GENESIS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
TOKENS = "chain_id,network,address,asset,decimals"
CONTRACTS = "chain_id,network,address,protocol,kind"
ENTITIES = "network,address,entity,kind"
FUNDS = "ticker,network,address"
MOVES = "move_id,move_date,amount_native,lth_low_native,lth_high_native,kind,owner,continues_move_id"
CHAIN_ID = 424_242


@pytest.fixture
def settings(tmp_path):
    """Settings with files of these contents."""

    def settings(**files: str) -> Settings:
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text)
        own = OwnSeeds.model_validate({name: tmp_path / f"{name}.csv" for name in files})
        return Settings(seeds=own)

    return settings


@pytest.fixture
def refused(settings):
    """The sentence about a file, without its path."""

    def refused(**files: str) -> str:
        with pytest.raises(UsageError) as error:
            own_seeds.read(settings(**files))
        return str(error.value).partition(".csv, ")[2] or str(error.value)

    return refused


def test_without_files_there_are_no_rows_and_typed_tables(tmp_path):
    home = Home(tmp_path)
    own_seeds.update(home, Settings())
    for name, schema in own_seeds.schemas().items():
        assert pl.read_parquet(home.lake.root / "own_seeds" / name / f"{name}.parquet").schema == pl.Schema(schema)
    assert own_seeds.read(Settings()) == {name: [] for name in own_seeds.COLUMNS}


def test_rows_are_stored_typed_with_what_they_leave_out(tmp_path, settings):
    home = Home(tmp_path)
    text = f"{TOKENS},first_block,is_read,reviewed_date\n1,ethereum,{ADDRESS},MINE,18,7,false,2025-01-02\n\n"
    text += f"8453,base,{ADDRESS},YOURS,0,,,\n"
    own_seeds.update(home, settings(tokens="\ufeff" + text.replace("\n", "\r\n")))
    stored = home.lake.read("own_seeds", "tokens", {})
    assert stored.select("network", "address", "asset", "decimals", "first_block", "is_read", "kind").rows() == [
        ("ethereum", ADDRESS.lower(), "MINE", 18, 7, False, "other"),
        ("base", ADDRESS.lower(), "YOURS", 0, None, True, "other"),
    ]


def test_a_table_is_written_only_when_its_rows_change(tmp_path, settings):
    home = Home(tmp_path)
    given = settings(entities=f"{ENTITIES}\nethereum,{ADDRESS},Me,exchange\n")
    own_seeds.update(home, given)
    file = home.lake.root / "own_seeds/entities/entities.parquet"
    before = file.stat().st_ino
    own_seeds.update(home, given)
    assert file.stat().st_ino == before
    own_seeds.update(home, settings(entities=f"{ENTITIES}\nethereum,{ADDRESS},You,exchange\n"))
    assert home.lake.read("own_seeds", "entities", {})["entity"].to_list() == ["You"]
    own_seeds.update(home, Settings())
    assert home.lake.height("own_seeds", "entities") == 0


def test_a_broken_file_keeps_the_rows_of_every_table(tmp_path, settings):
    home = Home(tmp_path)
    own_seeds.update(home, settings(entities=f"{ENTITIES}\nethereum,{ADDRESS},Me,exchange\n"))
    broken = settings(entities=f"{ENTITIES}\n", fund_addresses=f"{FUNDS}\nMINE,ethereum,0x1\n")
    with pytest.raises(UsageError, match="address is '0x1': write an address"):
        own_seeds.update(home, broken)
    twice = settings(entities=f"{ENTITIES}\n" + 2 * f"ethereum,{ADDRESS},Me,pool\n")
    with pytest.raises(UsageError, match="keep one of them"):
        own_seeds.update(home, twice)
    assert home.lake.height("own_seeds", "entities") == 1


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"tokens": ""}, "line 1: the column chain_id is missing: begin the file with chain_id,network,address,asset,"
         "decimals,kind,is_read,supply_events,first_block,source,reviewed_date."),
        ({"tokens": f"{TOKENS},adress\n"}, "line 1: there is no column 'adress': write address."),
        ({"tokens": f"{TOKENS},asset\n"}, "line 1: a column is there twice: keep one of each."),
        ({"tokens": f"{TOKENS}\n1,ethereum\n"}, "line 2: it has 2 cells, not 5: write one for each column."),
        ({"tokens": f'{TOKENS}\n1,ethereum,"{ADDRESS}"x,A,8\n'},
         "line 2: it is not CSV (',' expected after '\"'): correct that line."),
        ({"tokens": f"{TOKENS}\nx,ethereum,{ADDRESS},A,8\n"},
         "line 2: chain_id is 'x': write a whole number from 1 to 2147483647."),
        ({"tokens": f"{TOKENS}\n1,ethereum,{ADDRESS},A,19\n"},
         "line 2: decimals is '19': write a whole number from 0 to 18."),
        ({"tokens": f"{TOKENS}\n1,ethereum,{ADDRESS}0,A,8\n"},
         f"line 2: address is '{ADDRESS}0': write an address, 0x and 40 hexadecimal digits."),
        ({"tokens": f"{TOKENS}\n1,ethereum,{ADDRESS},,8\n"},
         "line 2: asset is '': write a name of up to 40 characters without spaces."),
        ({"tokens": f"{TOKENS},is_read\n1,ethereum,{ADDRESS},A,8,yes\n"},
         "line 2: is_read is 'yes': choose from false, true."),
        ({"tokens": f"{TOKENS},supply_events\n1,ethereum,{ADDRESS},A,8,mint\n"},
         "line 2: supply_events is 'mint': choose from issue_redeem, transfer."),
        ({"tokens": f"{TOKENS},reviewed_date\n1,ethereum,{ADDRESS},A,8,1.2.2025\n"},
         "line 2: reviewed_date is '1.2.2025': write a day such as 2025-11-03."),
        ({"tokens": f"{TOKENS}\n1,mainnet,{ADDRESS},A,8\n"},
         "line 2: network is 'mainnet': the chain with id 1 is called ethereum."),
        ({"tokens": f"{TOKENS}\n2,ethereum,{ADDRESS},A,8\n"}, "line 2: chain_id is '2': that of ethereum is 1."),
        ({"tokens": f"{TOKENS}\n2,main,{ADDRESS},A,8\n"},
         "line 2: network is 'main', which is one of Bitcoin: give another name."),
        ({"tokens": f"{TOKENS}\n1,ethereum,{ADDRESS},ETH,18\n"},
         "line 2: asset is 'ETH', which is the chain's own coin: give another name."),
        ({"tokens": f"{TOKENS}\n1,ethereum,{ADDRESS},WBTC,8\n"},
         "line 2: network 'ethereum' and asset 'WBTC' stand in the project's seeds already: keep one of them."),
        ({"tokens": f"{TOKENS}\n1,ethereum,0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599,A,8\n"},
         "line 2: network 'ethereum' and address '0x2260fac5e5542a773aa44fbcfedf7c193bc2c599' stand in the project's"
         " seeds already: keep one of them."),
        ({"contracts": f"{CONTRACTS}\n1,ethereum,{ADDRESS},aave_v3,aave_v3_pool\n"},
         "line 2: protocol is 'aave_v3', which is the project's: give yours another name."),
        ({"contracts": f"{CONTRACTS}\n1,ethereum,{ADDRESS},mine,aave_pool\n"},
         "line 2: kind is 'aave_pool': write aave_v3_pool."),
        ({"entities": f"{ENTITIES}\nethereum,{ADDRESS},Me,bank\n"},
         "line 2: kind is 'bank': choose from bridge, custodian, exchange, gambling, market, miner, mixing_service,"
         " pool, service, unclassified, wallet_service."),
        ({"entities": f"{ENTITIES}\netherium,{ADDRESS},Me,pool\n"}, "line 2: network is 'etherium': write ethereum."),
        ({"entities": f"{ENTITIES}\nethereum,{CHECKED.replace('fB', 'fb')},Me,pool\n"},
         f"line 2: address is '{CHECKED.replace('fB', 'fb')}': its checksum (EIP-55) does not fit: copy it again."),
        ({"tokens": f"{TOKENS}\n1,ethereum,{CHECKED.replace('fB', 'fb')},A,8\n"},
         f"line 2: address is '{CHECKED.replace('fB', 'fb')}': its checksum (EIP-55) does not fit: copy it again."),
        ({"fund_addresses": f"{FUNDS}\nA,main,{GENESIS[:-1]}b\n"},
         f"line 2: address is '{GENESIS[:-1]}b': its checksum (Base58Check) does not fit, so there is no such address:"
         " copy it again."),
        ({"fund_addresses": f"{FUNDS}\nA,ethereum,{GENESIS}\n"},
         f"line 2: address is '{GENESIS}': write an address, 0x and 40 hexadecimal digits, or name its network (main,"
         " signet, testnet4, regtest of Bitcoin)."),
        ({"fund_addresses": f"{FUNDS},label_verdict\nA,main,{GENESIS},gone\n"},
         "line 2: label_verdict is 'gone': choose from in_use, unverified, withdrawn, wrong."),
        ({"fund_addresses": f"{FUNDS}\nA,base,{ADDRESS}\n"},
         "line 2: network is 'base': choose from anvil, arbitrum, ethereum, main, regtest, signet, testnet4."),
        ({"internal_moves": "move_id\nmine\n"},
         "line 1: the column move_date is missing: begin the file with asset,network,move_id,move_date,amount_native,"
         "lth_low_native,lth_high_native,kind,owner,confidence,source_url,continues_move_id."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,,,,,Me,\n"},
         "line 2: how many coins moved is missing: write amount_native or lth_high_native."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,-5,,,,Me,\n"},
         "line 2: amount_native is '-5': write an amount of coins such as 12.5, with up to 8 digits after the point."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,1.123456789,,,,Me,\n"},
         "line 2: amount_native is '1.123456789': write an amount of coins such as 12.5, with up to 8 digits after the"
         " point."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,9,8,7,,Me,\n"},
         "line 2: lth_low_native is '8': write no more than 7, the most."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,9,10,,,Me,\n"},
         "line 2: lth_low_native is '10': write no more than 9, the most."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,9,8,10,,Me,\n"},
         "line 2: lth_high_native is '10': write no more than amount_native."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,9,,,sold,Me,\n"},
         "line 2: kind is 'sold': choose from custodian_change, owner_change_no_sale, owner_unknown, sale, same_owner,"
         " seizure."),
        ({"internal_moves": f"{MOVES},network\nmine,2025-11-02,9,,,,Me,,mainnet\n"},
         "line 2: network is 'mainnet': write main."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,9,,,,Me,theirs\n"},
         "line 2: continues_move_id is 'theirs': there is no such move of BTC, so write the name of one or leave it"
         " out."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-23,9,,,,Me,coinbase-2025\n"},
         "line 2: continues_move_id is 'coinbase-2025', which is not over before 2025-11-23: write the name of an"
         " earlier move."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,9,,,,Me,mine\n"},
         "line 2: continues_move_id is 'mine', which is not over before 2025-11-02: write the name of an earlier"
         " move."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-22,9,,,,Coinbase,\n"},
         "line 2: asset 'BTC' and network 'main' and move_date '2025-11-22' and owner 'Coinbase' stand in the project's"
         " seeds already: keep one of them."),
        ({"internal_moves": f"{MOVES}\ncoinbase-2025,2025-11-25,9,,,,Me,\n"},
         "line 2: move_id is 'coinbase-2025', the project's: give yours another name."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,999999999999999999,,,,Me,\n"},
         "line 2: amount_native is '999999999999999999': there were never more than 20,038,750 coins by 2025-11-02."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,,,20038750.1,,Me,\n"},
         "line 2: lth_high_native is '20038750.1': there were never more than 20,038,750 coins by 2025-11-02."),
        ({"internal_moves": f"{MOVES}\nmine,2009-01-05,30000.1,,,,Me,\n"},
         "line 2: amount_native is '30000.1': there were never more than 30,000 coins by 2009-01-05."),
        ({"internal_moves": f"{MOVES}\nmine,2016-07-08,15750001,,,,Me,\n"},
         "line 2: amount_native is '15750001': there were never more than 15,750,000 coins by 2016-07-08."),
        ({"internal_moves": f"{MOVES},network\nmine,2025-11-02,21000000.1,,,,Me,,regtest\n"},
         "line 2: amount_native is '21000000.1': there were never more than 21,000,000 coins by 2025-11-02."),
        ({"internal_moves": f"{MOVES}\na,2025-11-02,15000000,,,,Me,\nb,2025-11-02,,1,6000000,,You,\n"},
         "line 2: the moves of 2025-11-02 are 21,000,000 coins together: there were never more than 20,038,750 by then,"
         " so correct the amounts."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-22,19700000,,,,Me,\n"},
         "line 2: the moves of 2025-11-22 are 20,235,904 coins together: there were never more than 20,051,250 by then,"
         " so correct the amounts."),
        ({"internal_moves": f"{MOVES}\ncb,2025-11-22,798636,535904,535904,,Coinbase Inc,\n"},
         "line 2: as many coins moved on 2025-11-22 by coinbase-2025 of the project's, of Coinbase: remove the row."),
        ({"internal_moves": f"{MOVES}\ncb,2024-05-28,141686.0,,,,Trustee,\n"},
         "line 2: as many coins moved on 2024-05-28 by mtgox-2024 of the project's, of Mt. Gox trustee: remove the"
         " row."),
        ({"internal_moves": f"{MOVES}\ncb,2024-05-28,9,,,,\"MT.GOX  Trustee,\",\n"},
         "line 2: asset 'BTC' and network 'main' and move_date '2024-05-28' and owner 'MT.GOX  Trustee,' stand in the"
         " project's seeds already: keep one of them."),
        ({"internal_moves": f"{MOVES},asset\nmine,2025-11-02,9,,,,Me,,btc\n"},
         "line 2: asset is 'btc': choose from BTC."),
        ({"internal_moves": f"{MOVES},asset,network\nmine,2025-11-02,9,,,,Me,,ETH,ethereum\n"},
         "line 2: asset is 'ETH': write WETH."),
        ({"internal_moves": f"{MOVES},asset\nmine,2025-11-02,9,,,,Me,,WBTC\n"},
         "line 2: asset is 'WBTC': write BTC."),
        ({"internal_moves": f"{MOVES}\nmine,2025-11-02,9,,,,Me,\nnext,2025-11-05,9,6,,,Me,mine\n"
          "last,2025-11-06,9,6,,,You,mine\n"},
         "line 3: continues_move_id is 'mine', of 9 coins, while 12 at least are said to have moved on: lower"
         " lth_low_native or leave the name out."),
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_refused_in_a_sentence(refused, files, sentence):
    assert refused(**files) == sentence


@pytest.mark.parametrize(
    ("moved", "asset", "network", "first"),
    [
        ("2009-01-02", "BTC", "main", "2009-01-03"),
        ("2015-07-29", "WBTC", "ethereum", "2015-07-30"),
        (f"{datetime.now(UTC).date() + timedelta(days=2)}", "BTC", "regtest", "2009-01-03"),
    ],
)
def test_a_move_is_on_a_day_that_its_chain_has_had(refused, moved, asset, network, first):
    sentence = refused(internal_moves=f"{MOVES},asset,network\nmine,{moved},9,,,,Me,,{asset},{network}\n")
    assert sentence.startswith(f"line 2: move_date is '{moved}': write a day from {first} to today, ")


def test_two_spellings_of_one_owner_are_one(refused):
    moves = f"{MOVES}\na,2025-11-02,9,,,,Me & Co,\nb,2025-11-02,8,,,,mé &co.,\n"
    sentence = refused(internal_moves=moves)
    assert sentence.startswith("line 3: asset 'BTC' and network 'main' and move_date '2025-11-02' and owner 'mé &co.'")


@pytest.mark.parametrize(
    ("day", "coins"), [("2014-02-28", 12_459_240), ("2012-11-28", 10_501_465), ("2016-07-09", 15_750_586)]
)
def test_all_that_a_recorded_day_had_may_have_moved(settings, day, coins):
    moves = f"{MOVES}\nmine,{day},{coins},,,,Me,\n"
    assert len(own_seeds.read(settings(internal_moves=moves))["internal_moves"]) == 1


def test_a_users_own_token_may_have_moved_beyond_what_there_is_of_bitcoin(settings):
    token = f"{TOKENS}\n{CHAIN_ID},mine,{ADDRESS},MINE,18\n"
    moves = f"{MOVES},asset,network\nmove,2025-11-02,99999999999,,,,Me,,MINE,mine\n"
    assert len(own_seeds.read(settings(tokens=token, internal_moves=moves))["internal_moves"]) == 1


def test_a_move_is_stored_with_its_bounds_also_from_a_file_for_an_earlier_version(tmp_path, settings):
    home = Home(tmp_path)
    columns = ["move_id", "move_date", "amount_native", "lth_low_native", "lth_high_native", "kind", "source_url"]
    text = f"{MOVES}\nmine,2025-11-02,9,0.5,,,Me,\nmine,2025-11-03,,1,2.00000001,sale,Me,\n"
    own_seeds.update(home, settings(internal_moves=text + "next,2025-11-05,3,,,custodian_change,Me,mine\n"))
    assert home.lake.read("own_seeds", "internal_moves", {}).select(columns[:-1]).rows() == [
        ("mine", date(2025, 11, 2), Decimal(9), Decimal("0.5"), Decimal(9), "same_owner"),
        ("mine", date(2025, 11, 3), None, Decimal(1), Decimal("2.00000001"), "sale"),
        ("next", date(2025, 11, 5), Decimal(3), Decimal(0), Decimal(3), "custodian_change"),
    ]
    text = "asset,network,move_date,amount_native,owner,source\nBTC,main,2025-11-02,798,My Fund,a letter\n"
    own_seeds.update(home, settings(internal_moves=text))
    assert home.lake.read("own_seeds", "internal_moves", {}).select(columns).rows() == [
        ("my-fund-2025-11-02", date(2025, 11, 2), Decimal(798), Decimal(0), Decimal(798), "same_owner", "a letter")
    ]


def test_a_row_twice_is_refused_with_the_place_of_both(refused):
    text = f"{ENTITIES}\nethereum,{ADDRESS},Me,pool\nethereum,{ADDRESS.lower()},You,pool\n"
    sentence = refused(entities=text)
    assert sentence.startswith(f"line 3: network 'ethereum' and address '{ADDRESS.lower()}' stand in ")
    assert sentence.endswith("entities.csv, line 2 already: keep one of them.")


def test_an_address_of_two_funds_is_refused_with_the_place_of_both(refused):
    sentence = refused(fund_addresses=f"{FUNDS}\nA,main,{GENESIS}\nB,main,{GENESIS}\n")
    assert sentence.startswith(f"line 3: network 'main' and address '{GENESIS}' stand in ")
    assert sentence.endswith("fund_addresses.csv, line 2 already: keep one of them.")


def test_a_table_of_an_older_home_gets_the_columns_that_it_lacks(tmp_path, settings):
    home = Home(tmp_path)
    own_seeds.update(home, settings(entities=f"{ENTITIES}\nethereum,{ADDRESS},Me,exchange\n"))
    whole = home.lake.read("own_seeds", "entities", {})
    home.lake.write("own_seeds", "entities", whole.drop("licence", "label_verdict", "origin"))
    own_seeds.create_tables(home.lake)
    assert home.lake.read("own_seeds", "entities", {}).equals(whole)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    given = Settings(seeds=OwnSeeds(tokens=tmp_path / "nothing.csv"))
    with pytest.raises(UsageError, match=r"cannot be read \(No such file or directory\): fix seeds\.tokens"):
        own_seeds.read(given)
    (tmp_path / "nothing.csv").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"is not UTF-8"):
        own_seeds.read(given)


def test_a_network_may_be_known_by_its_provider_or_its_tokens(settings):
    given = settings(tokens=f"{TOKENS}\n8453,base,{ADDRESS},A,8\n", fund_addresses=f"{FUNDS}\nA,base,{ADDRESS}\n")
    assert own_seeds.read(given)["fund_addresses"][0]["network"] == "base"
    alone = settings(fund_addresses=f"{FUNDS}\nA,mine,{ADDRESS}\n")
    alone = alone.model_copy(update={"evm": {"mine": EvmProvider(rpc=(), chain_id=5)}})
    assert seeds.load_watch_list(5, "mine", own=own_seeds.read(alone)).addresses == (ADDRESS.lower(),)
    with pytest.raises(UsageError, match="which the seeds do not have"):
        seeds.load_watch_list(5, own=own_seeds.read(alone))


def test_own_rows_stand_beside_the_projects_in_a_watch_list(settings):
    given = settings(
        tokens=f"{TOKENS},is_read\n1,ethereum,{ADDRESS},MINE,8,\n1,ethereum,{ADDRESS[:-1]}B,NAMED,8,false\n",
        contracts=f"{CONTRACTS}\n1,ethereum,{ADDRESS[:-1]}C,lend,aave_v3_pool\n",
        fund_addresses=f"{FUNDS}\nA,ethereum,{ADDRESS}\n",
    )
    plain, both = seeds.load_watch_list(1), seeds.load_watch_list(1, own=own_seeds.read(given))
    assert [token.asset for token in both.tokens] == [*(token.asset for token in plain.tokens), "MINE"]
    assert both.contracts[-1].protocol == "lend"
    assert both.addresses == (*plain.addresses, ADDRESS.lower())


@pytest.fixture
def node() -> Iterator[ServedNode]:
    node = ServedNode()
    node.provider.chain_id = CHAIN_ID
    yield node
    node.close()


def write_own(home: Path, node: ServedNode) -> None:
    """A home whose settings name a chain of the user's own, and what is on it."""
    home.mkdir()
    chain = f"{CHAIN_ID},mine"
    files = {
        "tokens": f"{TOKENS},first_block\n{chain},{sample.BITCOIN.address},OWNBTC,8,1\n",
        "contracts": f"{CONTRACTS},first_block\n{chain},{sample.LENDER.address},my_lend,aave_v3_pool,1\n"
        f"{chain},{sample.VAULT.address},my_vault,balancer_v2_vault,1\n",
        "entities": f"{ENTITIES}\nmine,{sample.EXCHANGE},My exchange,exchange\n",
        "fund_addresses": f"{FUNDS},provenance\nMINE,mine,{sample.CUSTODIAN},my notes\n",
    }
    for name, text in files.items():
        (home / f"{name}.csv").write_text(text)
    tables = "\n".join(f'{name} = "{name}.csv"' for name in files)
    (home / "flowhouse.toml").write_text(f'[evm.mine]\nrpc = "{node.url}"\nchain_id = {CHAIN_ID}\n[seeds]\n{tables}\n')


def test_what_is_the_users_own_is_read_and_shown_as_such(flowhouse, node, rows, tmp_path):
    home = tmp_path / "home"
    write_own(home, node)
    read = flowhouse("ingest", "evm", "--rpc", node.url, "--network", "mine", "--home", home)
    assert read.exit_code == 0, read.output
    assert "evm mine: " in read.output
    built = flowhouse("build", "--home", home)
    assert built.exit_code == 0, built.output
    latest = home / "published/latest"
    tokens = "select asset, network, is_matched, provenance from marts.onchain_tokens"
    assert rows(latest, tokens) == [("OWNBTC", "mine", True, "own")]
    assert rows(latest, "select distinct protocol, provenance from marts.onchain_defi_liquidations_daily") == [
        ("my_lend", "own")
    ]
    assert rows(latest, "select distinct protocol, provenance from marts.onchain_vault_outflows_daily") == [
        ("my_vault", "own")
    ]
    assert ("exchange",) in rows(latest, "select distinct to_kind from marts.onchain_token_flows_daily")
    wallets = "select distinct ticker, asset, provenance from marts.onchain_fund_wallets_daily order by asset"
    assert rows(latest, wallets) == [("MINE", "ETH", "own: my notes"), ("MINE", "OWNBTC", "own: my notes")]
    assert "Nothing new" in flowhouse("build", "--home", home).output
    (home / "entities.csv").write_text("network\n")
    broken = flowhouse("build", "--home", home)
    assert broken.exit_code == 3
    assert "entities.csv, line 1: the column address is missing" in broken.output
    assert "Nothing new" in broken.output
    status = flowhouse("status", "--home", home)
    assert status.exit_code == 1
    assert "own_seeds: " in status.output


def test_the_samples_rows_are_the_projects(sample_home, rows):
    latest = sample_home / "published/latest"
    for mart in ("onchain_tokens", "onchain_vault_outflows_daily", "onchain_defi_liquidations_daily"):
        assert rows(latest, f"select distinct provenance from marts.{mart}") == [("project",)]
