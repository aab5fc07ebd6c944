"""The sections that are tables: tokens, stress, claims, the road from a figure to its bytes, what each column means."""

from orchestration.publishing.report.sections import Answer, Section

CLAIMS = Section(
    "claims",
    "Claims and what the data says",
    "Sentences that were published with a number in them, and whether the warehouse bears them out. Tolerances were"
    " fixed before looking; a false claim is no fault of the data.",
    ("claims",),
    """
select
    claim_id as claim,
    quote,
    replace(verdict, '_', ' ') as verdict,
    observed_value as observed,
    unit,
    rows_used || ' of ' || nullif(rows_expected, 0) as rows,
    evidence,
    as_of as "as of",
    article
from marts.claims
order by claim_id
""",
    "No claims are held.",
)

TOKENS = Section(
    "token_holders",
    "Token holders",
    "Coins wrapped on account chains: what stands, who holds it how long, and how much went to exchanges and came from"
    " them over the last seven days held. Coins are matched first in, first out; a token that is not matched says why.",
    ("onchain_tokens", "onchain_token_supply_daily", "onchain_token_flows_daily", "onchain_holder_supply_daily"),
    """
with exchanges as (
    select
        flows.asset,
        flows.network,
        sum(case when flows.to_kind = 'exchange' then flows.amount_native end) as sent_native,
        sum(case when flows.from_kind = 'exchange' then flows.amount_native end) as taken_native
    from marts.onchain_token_flows_daily as flows
    inner join marts.onchain_tokens as tokens
        on flows.asset = tokens.asset and flows.network = tokens.network and flows.value_date > tokens.last_date - 7
    where flows.from_kind <> flows.to_kind
    group by flows.asset, flows.network
)

select
    tokens.asset,
    tokens.network,
    tokens.last_date as day,
    supply.supply_native as supply,
    supply.holders,
    held.lth_native as "held 155 days or more",
    exchanges.sent_native as "to exchanges",
    exchanges.taken_native as "from exchanges",
    coalesce(tokens.unmatched_because, '') as "not matched"
from marts.onchain_tokens as tokens
left join marts.onchain_token_supply_daily as supply
    on tokens.asset = supply.asset and tokens.network = supply.network and tokens.last_date = supply.value_date
left join marts.onchain_holder_supply_daily as held
    on
        tokens.asset = held.asset
        and tokens.network = held.network
        and tokens.last_date = held.value_date
        and held.series = 'derived'
        and held.definition_id = 'age_155d_step'
left join exchanges on tokens.asset = exchanges.asset and tokens.network = exchanges.network
order by tokens.network, tokens.asset
""",
    "No account chain is held: `flowhouse ingest evm --rpc URL` reads one.",
)

STRESS = Section(
    "stress",
    "Stress on chain: the newest liquidations and vault outflows",
    "Loans closed by force with the collateral seized for them, and coins that left a vault, by day. US$ stand where"
    " the coin has a price.",
    ("onchain_defi_liquidations_daily", "onchain_vault_outflows_daily"),
    """
select
    value_date as day,
    network,
    protocol,
    'liquidation' as event,
    collateral_asset as coin,
    sum(collateral_native) as coins,
    sum(collateral_usd) / 1e6 as "US$ m",
    sum(liquidations) as loans
from marts.onchain_defi_liquidations_daily
group by value_date, network, protocol, collateral_asset
union all
select value_date, network, protocol, 'vault outflow', asset, outflow_native, null, null
from marts.onchain_vault_outflows_daily
where outflow_native > 0
order by day desc, event, coins desc
limit 12
""",
    "No liquidation and no outflow of a vault is held.",
)

FIGURE = Section(
    "figure_to_bytes",
    "From a figure to its bytes",
    "The first query finds what a publisher said, word for word, and the checksum of the file it stood in; the second"
    " finds that file in the archive, here for the first row. Change the ticker or add a date for another figure.",
    ("etf_observations",),
    """
select value_date, raw_text, value, observed_at, archive_sha256
from marts.etf_observations
where source = 'farside' and ticker = 'IBIT' and metric = 'net_flow_usd'
order by value_date desc, observed_at desc
limit 5
""",
    "Nothing a publisher said about IBIT is held.",
)

COLUMNS = Section(
    "columns",
    "Marts and their columns",
    "Every table of the published database: what a row is, and what each column means.",
    (),
    """
select
    tables.table_name as mart,
    tables.comment as grain,
    columns.column_name as name,
    lower(columns.data_type) as type,
    columns.comment as meaning
from duckdb_tables() as tables
inner join duckdb_columns() as columns
    on columns.schema_name = tables.schema_name and columns.table_name = tables.table_name
where tables.schema_name = 'marts'
order by mart, columns.column_index
""",
    "The database holds no marts.",
)


_FILES = """
select filename, url, fetched_at, bytes, origin
from read_json('data/archive/*/*/*.meta.json', filename = true, union_by_name = true)
"""
SERIES_QUERY = f"""{_FILES}where source = 'holder_series'
order by fetched_at desc
"""


def bytes_query(figure: Answer) -> str:
    """The query that finds the archived file of the first figure found."""
    sha256 = figure.records[0]["archive_sha256"] if figure.rows else "..."
    return f"{_FILES}where sha256 = '{sha256}'\n"
