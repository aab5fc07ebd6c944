"""The rules of the dbt project for layers, names, columns and SQL, checked on its text alone."""

import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
import yaml

from ingestion import registry
from ingestion.formats import fund_days
from ingestion.lake.observations import observation_schema

PROJECT = Path(__file__).parents[2] / "dbt_project"
STAGING = sorted((PROJECT / "models/staging").rglob("*.sql"))
INTERMEDIATE = sorted((PROJECT / "models/intermediate").rglob("*.sql"))
MARTS = sorted((PROJECT / "models/marts").rglob("*.sql"))
ISSUERS = "issuers"
"""The folder of the models that unite the raw tables of all issuers."""
ANSWERS = [path for path in INTERMEDIATE + MARTS if path.parent.name in ("desk", "moves", "demand", "claims")]
FACTS = [path for path in STAGING + INTERMEDIATE + MARTS if path not in ANSWERS]
MACROS = sorted((PROJECT / "macros").rglob("*.sql"))
SEMANTIC = sorted((PROJECT / "models/semantic").rglob("*.sql"))
TESTS = sorted((PROJECT / "tests").rglob("*.sql"))

CONTRACT = {
    "funds": (
        "ticker",
        "asset issuer name inception_date first_flow_date last_flow_date fee_bps share_date_convention cik",
    ),
    "fund_events": ("ticker event_date kind", "ratio native_amount source_url"),
    "etf_observations": (
        "source asset ticker value_date metric observed_at",
        "raw_text value archive_sha256",
    ),
    "etf_flows_daily": (
        "ticker trade_date source",
        "asset net_flow_usd net_flow_native native_method is_reported first_observed_at last_changed_at",
    ),
    "etf_flows_weekly": (
        "ticker week_start_date source dating_convention",
        "asset net_flow_usd net_flow_native sessions expected_sessions is_complete",
    ),
    "etf_market_flows_daily": (
        "asset trade_date source",
        "net_flow_usd net_flow_native funds_reported funds_expected is_complete",
    ),
    "etf_market_flows_weekly": (
        "asset week_start_date source",
        "net_flow_usd net_flow_native funds_reported funds_expected is_complete",
    ),
    "etf_foreign_flows_daily": (
        "market ticker trade_date source",
        "asset net_flow_native net_flow_usd first_observed_at last_changed_at",
    ),
    "etf_foreign_observations": (
        "source ticker value_date metric observed_at",
        "asset raw_text value archive_sha256",
    ),
    "etf_foreign_market_daily": (
        "market asset trade_date source",
        "net_flow_native net_flow_usd funds_reported funds_expected is_complete",
    ),
    "etf_holdings_daily": (
        "ticker as_of_date source",
        "asset shares_outstanding nav_usd native_per_share native_held",
    ),
    "etf_reporting_latency": (
        "asset trade_date source",
        "first_total_usd final_total_usd is_sign_flipped first_observed_at completed_at hours_to_complete is_censored",
    ),
    "etf_revisions": (
        "source asset ticker value_date metric observed_at",
        "kind previous_value value hours_since_first previous_archive_sha256 archive_sha256",
    ),
    "etf_source_differences": (
        "ticker trade_date source_a source_b",
        "net_flow_a_usd net_flow_b_usd difference_usd rounding_usd",
    ),
    "etf_filing_reconciliation": (
        "ticker quarter_end_date source",
        "filed_date filed_native expected_native difference_native difference_bps explained_by",
    ),
    "etf_fund_daily": (
        "ticker trade_date",
        "asset flow_source flow_difference_usd net_flow_usd net_flow_native is_reported cumulative_flow_usd"
        " cumulative_flow_native cumulative_missing flow_5d_usd flow_20d_usd flow_streak_sessions day_rank history_rank"
        " held_native held_method held_anchor_date held_error_bps reference_usd reference_method net_assets_usd"
        " average_cost_usd market_share_pct flow_of_assets_pct supply_share_pct supply_method premium_pct missing",
    ),
    "etf_fund_weekly": (
        "ticker week_start_date",
        "asset flow_source net_flow_usd net_flow_native sessions expected_sessions is_complete cumulative_flow_usd"
        " cumulative_flow_native week_rank held_native net_assets_usd",
    ),
    "etf_market_daily": (
        "asset trade_date",
        "net_flow_usd net_flow_native funds_reported funds_expected funds_valued is_complete cumulative_flow_usd"
        " cumulative_flow_native cumulative_missing flow_5d_usd flow_20d_usd flow_streak_sessions held_native"
        " net_assets_usd reference_usd reference_method supply_share_pct supply_method close_usd close_new_york_usd",
    ),
    "etf_issuer_coverage_daily": (
        "asset trade_date",
        "funds_expected funds_counted funds_completed funds_valued net_assets_usd counted_assets_usd counted_assets_pct"
        " net_flow_usd counted_flow_usd completed_flow_usd",
    ),
    "market_prices_daily": ("asset venue price_date", "open_usd high_usd low_usd close_usd volume_native"),
    "market_bars_hourly": (
        "asset venue instrument_kind quote_asset open_at",
        "open_usd high_usd low_usd close_usd volume_native volume_quote trades is_complete",
    ),
    "market_price_disputes": ("asset price_date venue_a venue_b", "close_a_usd close_b_usd difference_pct"),
    "market_price_extremes_daily": (
        "asset venue quote_asset price_date",
        "low_usd low_at high_usd high_at minutes_below_peg",
    ),
    "market_price_trend_daily": ("asset venue price_date", "close_usd sma_200d_usd sma_days drawdown_pct"),
    "market_sentiment_daily": ("provider value_date", "index_value classification"),
    "onchain_coin_flow": ("asset network spend_date birth_date kind", "amount_native coins"),
    "onchain_coin_created": ("asset network birth_date kind", "amount_native coins"),
    "onchain_holder_supply_daily": (
        "asset network series definition_id value_date",
        "lth_native sth_native supply_native computation is_final",
    ),
    "onchain_lth_flows_daily": (
        "asset network series definition_id value_date",
        "matured_native spent_native net_change_native net_change_30d_native spent_usd realized_profit_usd"
        " realized_loss_usd sopr issued_native is_final",
    ),
    "onchain_series_findings": (
        "asset network series value_date kind",
        "supply_change_native unexplained_native detail",
    ),
    "onchain_age_bands_daily": ("asset network value_date age_band", "supply_native realized_value_usd"),
    "onchain_value_daily": (
        "asset network value_date",
        "supply_native unpriced_native realized_cap_usd realized_price_usd market_cap_usd mvrv nupl sopr"
        " coin_days_destroyed dormancy_days liveliness realized_cap_uncertain_usd is_carried carried_days",
    ),
    "onchain_cost_basis": ("asset network value_date price_bucket_usd", "supply_native"),
    "onchain_tokens": (
        "asset network",
        "address kind decimals first_date last_date settled_date is_matched unmatched_because",
    ),
    "onchain_token_supply_daily": ("asset network value_date", "minted_native burned_native supply_native holders"),
    "onchain_token_flows_daily": ("asset network value_date from_kind to_kind", "transfers amount_native"),
    "onchain_labels": ("network address label kind", "licence source since_date label_verdict origin"),
    "onchain_entity_flows_daily": (
        "asset network entity value_date",
        "kind inflow_native outflow_native net_flow_native addresses_count watched_from_date",
    ),
    "onchain_fund_wallets_daily": ("ticker asset network address value_date", "balance_native provenance"),
    "onchain_defi_liquidations_daily": (
        "network protocol collateral_asset debt_asset value_date",
        "liquidations collateral_native debt_native collateral_usd debt_usd",
    ),
    "onchain_vault_outflows_daily": ("network protocol vault asset value_date", "outflow_native inflow_native"),
    "derivatives_liquidation_periods": (
        "asset venue coverage side period_start_at",
        "value_date notional_usd events largest_usd covered_seconds period_seconds",
    ),
    "derivatives_liquidations_daily": (
        "asset venue value_date side coverage",
        "notional_usd events largest_usd covered_seconds is_lower_bound",
    ),
    "onchain_known_moves": (
        "asset network move_id move_date",
        "amount_native lth_low_native lth_high_native kind owner confidence source_url continues_move_id",
    ),
    "onchain_lth_adjusted_daily": (
        "asset network series definition_id value_date",
        "lth_adjusted_low_native lth_adjusted_high_native matured_adjusted_low_native matured_adjusted_high_native"
        " spent_adjusted_low_native spent_adjusted_high_native net_change_adjusted_low_native"
        " net_change_adjusted_high_native internal_low_native internal_high_native unspent_basis is_final",
    ),
    "onchain_internal_moves": (
        "asset network move_id move_date series definition_id",
        "owner kind amount_native lth_low_native lth_high_native excess_native excess_deviations echo_date echo_native"
        " echo_ratio echo_verdict",
    ),
    "onchain_lth_shocks": (
        "asset network series definition_id value_date",
        "excess_native excess_deviations echo_date echo_native echo_ratio",
    ),
    "demand_vs_supply_weekly": (
        "asset week_start_date flow_source dating_convention holder_series definition_id",
        "etf_net_flow_native lth_net_change_native lth_spent_native issued_native absorption_ratio"
        " absorption_ratio_gross is_complete missing has_internal_move",
    ),
    "demand_vs_supply_daily": (
        "asset value_date holder_series definition_id window_days",
        "is_preferred sessions etf_net_flow_native lth_net_change_native lth_net_change_low_native"
        " lth_net_change_high_native lth_spent_native issued_native apparent_demand_native is_complete missing"
        " has_internal_move",
    ),
    "onchain_blocks_daily": (
        "asset network value_date",
        "blocks transactions spends outputs fees_native subsidy_native unclaimed_native issued_native"
        " unspendable_native",
    ),
    "onchain_transfer_signatures_daily": (
        "asset network value_date signature",
        "is_house_keeping transfer_count lth_spent_native moved_native large_count large_lth_spent_native usual_native"
        " usual_day_native score day_score is_flagged is_final",
    ),
    "onchain_large_transfers": (
        "asset network txid",
        "value_date block_height block_at signature lth_spent_native moved_native input_count output_count"
        " input_scripts output_scripts is_single_output has_only_new_scripts",
    ),
    "onchain_script_flow_daily": ("asset network value_date cohort script", "amount_native coins"),
    "equity_prices_daily": ("ticker source price_date", "close_usd adjusted_close_usd has_unknown_split"),
    "macro_observations": ("provider series_id value_date vintage_date", "value unit"),
    "macro_events": ("kind start_date", "end_date title target_low_pct target_high_pct source_url"),
    "fund_flows_reported_weekly": ("publisher scope_kind scope week_end_date", "net_flow_usd quote source_url"),
    "derivatives_open_interest_daily": (
        "asset venue contract value_date",
        "margin_kind open_interest_native open_interest_usd high_usd low_usd observations expected_observations",
    ),
    "derivatives_funding_daily": (
        "asset venue contract value_date kind",
        "sum_rate settlements interval_hours annualised_rate is_complete",
    ),
    "market_depth_daily": (
        "asset venue value_date band_pct side",
        "median_notional_usd min_notional_usd min_at snapshots expected_snapshots is_frozen",
    ),
    "sector_returns_daily": ("basket_id weighting as_of_at", "return_pct members members_priced"),
    "claims": (
        "claim_id",
        "article quote operator target tolerance unit window convention expected_verdict observed_value rows_used"
        " rows_expected evidence verdict as_of",
    ),
    "claim_checks": (
        "claim_id check_id",
        "article quote operator target tolerance unit window convention expected_verdict observed_value rows_used"
        " rows_expected evidence verdict as_of",
    ),
}
"""What users may rely on: the key of each mart, and its other columns. A mart may have more columns."""

NAMING = {
    form.replace("…", "*"): types.split(" or ")
    for form, types in re.findall(r"^\| `(.+?)` \| (.+?) \|", (PROJECT / "docs/naming.md").read_text(), re.MULTILINE)
}
"""Types that each form of a column's name may have (`is_*`, `*_usd`, or a whole name), as docs/naming.md says."""
COUNT_OR_TEXT = ("string", "bigint", "integer")
TYPES = ("string", "date", "timestamp", "double", "integer", "bigint", "boolean")
"""Names of types that both engines know, besides decimals."""

BANNED = {
    "qualify": r"\bqualify\b",
    "group by all": r"\bgroup\s+by\s+all\b",
    "hugeint": r"\bhugeint\b",
    "asof join": r"\basof\b",
    "dbt.dateadd": r"\bdateadd\b",
    "list lambdas": r"->|\blambda\b",
    "distinct on": r"\bdistinct\s+on\b",
    "filter (where": r"\bfilter\s*\(\s*where\b",
    # Spark reads 365.0 as a decimal of few digits, and so are the quotients of it: 365e0 is a double to both engines.
    "decimal literal": r"(?<![\w.])(?:\d+\.\d+|\.\d+|\d+\.(?=[\s)*/+,-]))(?![\de])",
    # One engine computes both through doubles, the other a quotient with fewer digits; a product with unit(n) is exact.
    "power": r"\b(?:power|pow)\s*\(|\*\*|[\w)] ?\^",
    "division of a decimal": r"(?:\bas decimal ?\([^)]*\) ?\)|\{\{ ?(?:sats|native)\w*\([^}]*\) ?\}\}) ?/",
    # Spark reads the name of a window and a minus as one name.
    "bare difference after a window": r"\bover (?:\w+|\{\{[^}]*\}\}|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)) ?-",
    # Spark computes such a frame anew for each row; next_known(), or the reverse order, takes one pass.
    "frame to the last row": r"(?<!\bunbounded preceding and )\bunbounded following\b",
    # Spark truncates to a timestamp with a zone.
    "uncast date_trunc": r"(?<!\bcast\()\bdate_trunc\b",
    "varchar": r"\bn?varchar\b|\bas (?:text|n?char)\b|::",
}
KEYWORDS = re.compile(
    r"\b(SELECT|FROM|WHERE|JOIN|LEFT|INNER|OUTER|ON|AND|OR|NOT|NULL|AS|CASE|WHEN|THEN|ELSE|END|GROUP|ORDER|BY|OVER"
    r"|PARTITION|UNION|ALL|WITH|CAST|COALESCE|SUM|COUNT|MIN|MAX|LAG|LEAD|CREATE|REPLACE|MACRO|TABLE|IS|IN)\b"
)


def stem(path: Path) -> str:
    return path.stem


def without_comments(sql: str) -> str:
    return re.sub(r"\{#.*?#\}|--[^\n]*", "", sql, flags=re.DOTALL)


def without_strings(sql: str) -> str:
    return re.sub(r"'[^']*'", "''", sql)


def code(path: Path) -> str:
    return without_comments(path.read_text())


@cache
def macros() -> dict[str, str]:
    """Text of each macro by its name."""
    text = "\n".join(code(path) for path in MACROS)
    return dict(re.findall(r"\{%-?\s*macro\s+(\w+)\(.*?%\}(.*?)\{%-?\s*endmacro", text, flags=re.DOTALL))


def expanded(sql: str) -> str:
    """The text with that of the macros it calls, and of those they call."""
    found, seen = sql, set()
    while called := {name for name in macros() if re.search(rf"\b{name}\(", found)} - seen:
        seen |= called
        found += "\n".join(macros()[name] for name in called)
    return found


def refs(path: Path) -> set[str]:
    return set(re.findall(r"\bref\('(\w+)'\)", expanded(code(path))))


def depths(models: list[Path]) -> dict[str, int]:
    """The length of the longest chain of models up to each model."""
    paths = {path.stem: path for path in models}

    @cache
    def depth(name: str) -> int:
        return 1 + max(map(depth, refs(paths[name])), default=0) if name in paths else 0

    return {name: depth(name) for name in paths}


def read_yaml(path: Path) -> dict:
    return yaml.load(path.read_text(), yaml.CSafeLoader)  # a third of the time of the one in Python


@cache
def properties() -> dict[Path, dict]:
    """The content of each yml of the models."""
    return {path: read_yaml(path) for path in (PROJECT / "models").rglob("*.yml")}


@cache
def documented() -> dict[str, dict]:
    """Each model's entry in its yml, by name."""
    return {model["name"]: model for path in properties() for model in properties()[path].get("models", [])}


def columns(mart: Path) -> dict[str, str]:
    """Data type of each column, by name."""
    return {column["name"]: column.get("data_type", "") for column in documented()[mart.stem]["columns"]}


def primary_key(mart: Path) -> list[str]:
    """The key; a mart too large for an index names its key in its meta."""
    held = documented()[mart.stem]
    keys = [rule["columns"] for rule in held.get("constraints", []) if rule["type"] == "primary_key"]
    return keys[0] if keys else held.get("meta", {}).get("key", [])


@pytest.mark.parametrize("model", STAGING, ids=stem)
def test_a_staging_model_reads_the_one_raw_table_it_is_named_after(model):
    """Those of issuers read the table of that name of each of them."""
    source, table = re.fullmatch(r"stg_([a-z0-9_]+?)__([a-z0-9_]+)", model.stem).groups()
    raw = f"{{{{ raw_of_issuers('{table}'" if source == ISSUERS else f"{{{{ raw('{source}', '{table}') }}}}"
    assert model.parent.name == source
    (read,) = re.findall(r"\b(?:from|join)\s+(.+)", code(model))
    assert read.startswith(raw) if source == ISSUERS else read == raw
    assert not re.search(r"\b(ref|source|read_\w+)\(", code(model))


@pytest.mark.parametrize("model", [path for path in STAGING if "observed_at" in code(path)], ids=stem)
def test_staged_observations_end_when_knowledge_ends(model):
    assert code(model).rstrip().endswith("where observed_at <= {{ as_of_cutoff() }}")


def test_every_source_table_is_staged():
    tables, issuers = set(), set()
    for path, content in properties().items():
        for source in content.get("sources", []):
            folder = path.parent.name
            assert path == PROJECT / f"models/staging/{folder}/{folder}.yml"
            assert folder in (ISSUERS, source["name"])
            issuers |= {source["name"]} if folder == ISSUERS else set()
            tables |= {f"stg_{folder}__{table['name']}" for table in source["tables"]}
    assert tables == {model.stem for model in STAGING}
    assert issuers == {*re.findall(r"'(\w+)'", macros()["issuer_sources"])}


def test_every_issuer_is_among_the_sources_of_days_of_funds():
    of_funds = [source for source in registry.sources() if source.table == fund_days.TABLE]
    assert [source.name for source in of_funds] == re.findall(r"'(\w+)'", macros()["issuer_sources"])
    assert all(source.schema == observation_schema(fund_days.KEY) and source.rules for source in of_funds)


@pytest.mark.parametrize("mart", INTERMEDIATE + MARTS, ids=stem)
def test_a_mart_reads_models_and_never_what_is_raw(mart):
    assert refs(mart)
    assert not re.search(r"\b(source|raw|as_of_cutoff|read_\w+)\(", expanded(code(mart)))
    assert not re.search(r"\b(?:from|join)\s+\w+\.\w+", code(mart))


def test_no_chain_of_models_from_raw_is_longer_than_five():
    """Five are staging, observations, daily flows, weeks (or reconciliation), markets (or findings). Each link beyond
    the daily flows is a mart that people read by itself, so reading it is the only way to agree with it; a sixth
    would be a step that nobody reads. A node says which coins were spent, but of tokens that is found here: their lots,
    and the list of tokens whose lots hold, are where such a chain begins for them. So are weights: who counts as a
    long-term holder is a question, not a fact that travels. So are closes: which one values a day is found among prices
    alone."""
    lots = {"int_tokens__lots", "onchain_tokens"}
    begins = lots | {"int_onchain__weights", "int_onchain__closes"}
    assert not {
        name for name, depth in depths([path for path in FACTS if path.stem not in begins]).items() if depth > 5
    }
    assert {name: depth for name, depth in depths(FACTS).items() if name in lots} == {
        "int_tokens__lots": 3,
        "onchain_tokens": 4,
    }


HOLDERS = "onchain_holder_supply_daily onchain_lth_flows_daily onchain_series_findings"
"""Marts of the supply of long- and short-term holders."""

DESK = "etf_fund_daily etf_fund_weekly etf_issuer_coverage_daily etf_market_daily"
"""Marts of funds that say what share of the coins in existence they hold."""

MOVES = "onchain_lth_* onchain_internal_moves"
"""Marts of what long-term holders did, raw and without moves inside one owner."""

REACHED = {
    "alternative_me/fng": "market_observations market_sentiment_daily claim*",
    "binance_bars/bars": "market_bars_hourly market_price_extremes_daily sector_returns_daily demand_vs_supply_daily"
    f" claim* {DESK}",
    "binance_depth/depth": "market_depth_* claim*",
    "binance_funding/funding": "derivatives_funding_* claim*",
    "binance_open_interest/open_interest": "derivatives_open_interest_* claim*",
    "binance_recent_funding/funding": "derivatives_funding_* claim*",
    "binance_recent_open_interest/open_interest": "derivatives_open_interest_* claim*",
    "binance_vision/bars_daily": "market_* onchain_* etf_* demand_* claim*",
    "bitcoin/blocks_daily": f"onchain_* demand_* claim* {DESK}",
    "bitcoin/coin_created": f"onchain_* demand_* claim* {DESK}",
    "bitcoin/coin_flow": f"onchain_* demand_* claim* {DESK}",
    "bitcoin/entity_flow": "onchain_entity_flows_daily",
    "bitcoin/large_transfers": "onchain_large_transfers",
    "bitcoin/script_flow": "onchain_script_flow_daily",
    "bitcoin/transfer_signatures": "onchain_transfer_signatures_daily",
    "bitcoin/watched_flow": "onchain_fund_wallets_*",
    "bitcoin/watched_since": "onchain_entity_flows_daily onchain_fund_wallets_*",
    "bitfinex_liquidations/liquidations": "derivatives_liquidation* claim*",
    "bitview/supply": "market_* onchain_* etf_* demand_* claim*",
    "coin_metrics/closes": "market_* onchain_* etf_* demand_* claim*",
    "coinalyze_liquidations/liquidations": "derivatives_liquidation* claim*",
    "bybit_funding/funding": "derivatives_funding_* claim*",
    "bybit_open_interest/open_interest": "derivatives_open_interest_* claim*",
    "coinglass_funding/funding": "derivatives_funding_* claim*",
    "coinglass_hk/fund_flows": "etf_foreign_*",
    "coinglass_liquidations/liquidations": "derivatives_liquidation* claim*",
    "coinglass_open_interest/open_interest": "derivatives_open_interest_* claim*",
    "evm/balances": "onchain_fund_wallets_*",
    "evm/coverage": f"onchain_* demand_* claim* {DESK}",
    "evm/liquidations": "onchain_defi_liquidations_daily",
    "evm/supplies": f"onchain_* demand_* claim* {DESK}",
    "evm/transfers": f"onchain_* demand_* claim* {DESK}",
    "evm/vault_changes": "onchain_vault_outflows_daily",
    "farside/findings": "etf_findings",
    "farside/flows": "etf_* demand_* claim* onchain_fund_wallets_compared_daily",
    "flowhouse/control": "*",
    "gate_liquidations/liquidations": "derivatives_liquidation* claim*",
    "fred/observations": "macro_observations claim*",
    "holder_series/definitions": f"{HOLDERS} {MOVES} demand_* claim* {DESK}",
    "holder_series/supply": f"{HOLDERS} {MOVES} demand_* claim* {DESK}",
    "hong_kong/fund_flows": "etf_foreign_*",
    "hyperliquid_adl/liquidations": "derivatives_liquidation* claim*",
    "hyperliquid_funding/funding": "derivatives_funding_* claim*",
    "hyperliquid_liquidations/liquidations": "derivatives_liquidation* claim*",
    "hyperliquid_open_interest/open_interest": "derivatives_open_interest_* claim*",
    "issuers/findings": "etf_findings",
    "issuers/fund_daily": "etf_* demand_* claim* onchain_fund_wallets_compared_daily",
    "kraken_liquidations/liquidations": "derivatives_liquidation* claim*",
    "liquidation_stream/liquidations": "derivatives_liquidation* claim*",
    "nasdaq/equity_prices": "equity_prices_daily claim*",
    "nyse/sessions": "market_sessions equity_prices_daily etf_* demand_* claim* onchain_fund_wallets_compared_daily",
    "okx_funding/funding": "derivatives_funding_* claim*",
    "okx_open_interest/open_interest": "derivatives_open_interest_* claim*",
    "own_seeds/contracts": "onchain_vault_outflows_daily onchain_defi_liquidations_daily",
    "own_seeds/entities": f"onchain_* demand_* claim* {DESK}",
    "own_seeds/fund_addresses": "onchain_fund_wallets_* onchain_labels",
    "own_seeds/holder_weights": "onchain_* demand_* claim* etf_*",
    "own_seeds/internal_moves": f"onchain_known_moves {MOVES} demand_* claim*",
    "own_seeds/tokens": f"onchain_* demand_* claim* {DESK}",
    "prices/closes": "market_* onchain_* etf_* demand_* claim*",
}
"""Marts that a change of each raw table may have built again: all that a new figure of a fund, or of sentiment, costs.
The on-chain marts take 20 s of CPU at full history."""


@cache
def graph() -> dict[str, set[str]]:
    """What each model reads."""
    return {path.stem: refs(path) for path in INTERMEDIATE + MARTS}


def reached(table: str) -> set[str]:
    """The marts that are made from a raw table, whatever the number of models between."""
    found = {f"stg_{table.replace('/', '__')}"}
    while new := {name for name, read in graph().items() if name not in found and read & found}:
        found |= new
    return found & {path.stem for path in MARTS}


def test_a_raw_table_has_no_mart_built_again_but_these():
    assert REACHED.keys() == {model.stem.removeprefix("stg_").replace("__", "/") for model in STAGING}
    for table, forms in REACHED.items():
        assert not {mart for mart in reached(table) if not any(fnmatch(mart, form) for form in forms.split())}, table
        assert not {form for form in forms.split() if not any(fnmatch(mart, form) for mart in reached(table))}, table


def test_only_marts_of_their_own_read_funds_listed_outside_the_united_states():
    """What a user brings of Hong Kong's funds gets into no sum, claim or answer about US funds."""
    foreign = {"foreign_funds", "stg_hong_kong__fund_flows", "stg_coinglass_hk__fund_flows"} | {
        path.stem for path in MARTS if path.stem.startswith("etf_foreign_")
    }
    readers = {path.stem for path in FACTS + ANSWERS + SEMANTIC if refs(path) & foreign}
    own = {"etf_foreign_observations", "etf_foreign_flows_daily", "etf_foreign_market_daily"}
    assert readers == own | {"etf_figure_history"}  # by a fund's own ticker


def test_answers_read_marts_and_are_at_most_four_long():
    """The desk, moves, demand against supply and claims say what follows from other marts: they read those and seeds,
    the project's and a user's own.
    Four are the price of a session, a fund's day, the market's day, and demand against supply."""
    marts = {path.stem for path in MARTS}
    seeds = {path.stem for path in (PROJECT / "seeds").glob("*.csv")}
    seeds |= {path.stem for path in STAGING if path.parent.name == "own_seeds"}
    answers = {path.stem for path in ANSWERS}
    assert not {name for path in ANSWERS for name in refs(path) - marts - seeds - answers}
    assert not {name for name, depth in depths(ANSWERS).items() if depth > 4}


@pytest.mark.parametrize("mart", MARTS, ids=stem)
def test_a_mart_says_what_one_row_is_and_what_names_it(mart):
    assert documented()[mart.stem]["description"].startswith("One row per ")
    assert primary_key(mart)
    assert set(primary_key(mart)) <= set(columns(mart))


def test_an_intermediate_model_is_read_by_two_models_and_says_what_one_row_is():
    """The measures of claims are read by one, which unites them: each kind of fact has a file of its own. So are those
    whose rows of the last build stay, as they could not within their reader."""
    readers = [refs(path) for path in INTERMEDIATE + MARTS]
    for model in INTERMEDIATE:
        stays = "keep_where" in documented()[model.stem].get("config", {}).get("meta", {})
        fewest = 1 if stays or model.parent.name == "claims" else 2
        assert sum(model.stem in found for found in readers) >= fewest, model.stem
        assert documented()[model.stem]["description"].startswith("One row per ")


@pytest.mark.parametrize("mart", MARTS, ids=stem)
def test_every_column_has_a_type_and_the_description_of_its_name(mart):
    for column in documented()[mart.stem]["columns"]:
        assert column["data_type"]
        assert column["description"] == f"{{{{ doc('{column['name']}') }}}}"


@pytest.mark.parametrize("mart", MARTS, ids=stem)
def test_keys_are_never_null(mart):
    not_null = [{"type": "not_null"}]
    nullable = {
        column["name"] for column in documented()[mart.stem]["columns"] if column.get("constraints") != not_null
    }
    assert not nullable & set(primary_key(mart))


def test_each_column_name_is_described_once_and_in_full():
    names = re.findall(r"\{% docs (\w+) %\}\n.*\S.*\n\{% enddocs %\}", (PROJECT / "docs/columns.md").read_text())
    assert len(names) == len(set(names))
    assert set(names) == {name for mart in MARTS for name in columns(mart)}


def test_seeds_are_made_anew():
    """A home's build file holds the tables of an earlier version, whose seeds may have had other columns."""
    assert read_yaml(PROJECT / "dbt_project.yml")["seeds"]["flowhouse"]["+full_refresh"] is True


def test_marts_are_tables_with_an_enforced_contract_and_their_comments():
    marts = read_yaml(PROJECT / "dbt_project.yml")["models"]["flowhouse"]["marts"]
    assert marts["+materialized"] == "table"
    assert marts["+schema"] == "marts"
    assert marts["+contract"] == {"enforced": True}
    assert marts["+persist_docs"] == {"relation": True, "columns": True}
    assert not [mart.stem for mart in MARTS if re.search(r"\bconfig\(", code(mart))]


@pytest.mark.parametrize("name", CONTRACT)
def test_a_mart_has_the_columns_users_may_rely_on(name):
    mart = next(path for path in MARTS if path.stem == name)
    key, others = (set(words.split()) for words in CONTRACT[name])
    assert set(primary_key(mart)) == key
    assert key | others <= set(columns(mart))


@pytest.mark.parametrize("mart", MARTS, ids=stem)
def test_names_of_columns_say_type_and_unit(mart):
    """A column whose name fits no form is text or a count."""
    for name, data_type in columns(mart).items():
        assert data_type in next((types for form, types in NAMING.items() if fnmatch(name, form)), COUNT_OR_TEXT), name


@pytest.mark.parametrize("form", [form for form in NAMING if "*" not in form])
def test_a_name_outside_the_forms_is_a_column(form):
    assert any(form in columns(mart) for mart in MARTS)


def unportable(sql: str) -> list[str]:
    """What only one engine understands, or the engines differently; of a macro for one engine, nothing."""
    shared = re.sub(r"\{%-?\s*macro duckdb__.*?endmacro", "", without_comments(sql), flags=re.DOTALL)
    text = " ".join(shared.split())
    return [name for name, banned in BANNED.items() if re.search(banned, text, flags=re.IGNORECASE)]


@pytest.mark.parametrize("path", STAGING + INTERMEDIATE + MARTS + SEMANTIC + MACROS + TESTS, ids=stem)
def test_sql_is_portable(path):
    assert not unportable(path.read_text())


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("days / 365.0", "decimal literal"),
        ("'exp(' ~ days ~ ' / 365.0)'", "decimal literal"),
        ("x * .5", "decimal literal"),
        ("x * (2. - y)", "decimal literal"),
        ("1.5 * x", "decimal literal"),
        ("amount / power(10, decimals)", "power"),
        ("amount * 10 ** decimals", "power"),
        ("amount * 10 ^ decimals", "power"),
        ("cast(amount as decimal(20, 0)) / 100000000", "division of a decimal"),
        ("{{ sats('amount') }}\n/ coins", "division of a decimal"),
        ("sum(x) over so_far\n- x", "bare difference after a window"),
        ("sum(x) over {{ window }} - x", "bare difference after a window"),
        ("sum(x) over (partition by abs(y) order by z) - x", "bare difference after a window"),
        ("min(x) over (order by y rows between current row and unbounded following)", "frame to the last row"),
        ("rows between 1 following\nand unbounded following", "frame to the last row"),
        ("date_trunc('hour', seen_at) as hour_at", "uncast date_trunc"),
        ("cast(x as varchar)", "varchar"),
        ("cast(x as text)", "varchar"),
        ("x::string", "varchar"),
    ],
)
def test_what_engines_read_differently_is_refused(sql, reason):
    assert unportable(sql) == [reason]


@pytest.mark.parametrize(
    "sql",
    [
        "days / 365e0 + 0.25e0 - 1e-9",
        "amount * {{ unit(8) }}",
        "cast(amount as double) / coins",
        "(sum(x) over so_far) - x",
        "x - sum(x) over so_far -- less 0.5",
        "first_value(x) over (rows between unbounded preceding and unbounded following)",
        "{% macro duckdb__next(x) %}{{ x }} over (rows between current row and unbounded following){% endmacro %}",
    ],
)
def test_what_engines_read_alike_is_not_refused(sql):
    assert not unportable(sql)


def test_types_have_names_that_engines_share():
    models = [column for model in documented().values() for column in model.get("columns", [])]
    seeds = read_yaml(PROJECT / "seeds/seeds.yml")["seeds"]
    used = {column["data_type"] for column in models if "data_type" in column}
    used |= {kind for seed in seeds for kind in seed.get("config", {}).get("column_types", {}).values()}
    assert used - set(TYPES) == {kind for kind in used if re.fullmatch(r"decimal\(\d+, \d+\)", kind)}


def test_ctes_that_spark_computes_once_are_ctes_of_their_model():
    """Its materialization finds them by their first and last lines, in the order in which they need each other."""
    named = {
        name: model.get("config", {}).get("meta", {}).get("computed_once", []) for name, model in documented().items()
    }
    assert any(named.values())
    for path in INTERMEDIATE + MARTS:
        text = expanded(code(path))
        places = [text.find(f"\n{name} as (\n") for name in named.get(path.stem, [])]
        assert -1 not in places, path.stem
        assert all(re.search(r"^\),?$", text[place:], re.MULTILINE) for place in places), path.stem


def test_a_published_macro_is_one_that_every_duckdb_opens():
    """DuckDB 2.0 stores `lag(x, 2)` so that 1.x refuses it ("LAG needs 1 parameter"), in files of any version."""
    published = [path for path in SEMANTIC if "table_macro" in path.read_text()]
    assert published
    for path in published:
        assert not re.findall(r"\b(?:lag|lead)\((?:[^(),]|\([^()]*\))*,", expanded(code(path)))


@pytest.mark.parametrize("path", STAGING + INTERMEDIATE + MARTS + MACROS + TESTS, ids=stem)
def test_keywords_are_in_lower_case(path):
    assert not KEYWORDS.findall(without_strings(code(path)))


@pytest.mark.parametrize("path", TESTS, ids=stem)
def test_a_data_test_is_a_check_of_a_mart_it_reads(path):
    mart = re.search(r"meta=\{'dagster': \{'ref': \{'name': '(\w+)'\}\}\}", code(path)).group(1)
    assert mart in refs(path)


def test_every_unit_test_is_beside_its_model():
    for path, held in properties().items():
        for test in held.get("unit_tests", []):
            assert (path.parent / f"{test['model']}.sql").exists(), test["name"]
            assert path.stem in (test["model"], f"{test['model']}_unit_tests")
