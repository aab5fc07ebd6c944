{# Token holders: how lots of account chains are matched. #}

{% macro zero_address() %}'0x0000000000000000000000000000000000000000'{% endmacro %}

{# keccak256 of Transfer(address,address,uint256). #}
{% macro transfer_topic() %}'0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'{% endmacro %}

{# The least amount whose product with a weight in 1e-9 does not fit decimal(38, 0). #}
{% macro too_many_units() %}cast('100000000000000000000000000000' as decimal(38, 0)){% endmacro %}

{# Units that can be summed; null where they are too many. #}
{% macro bounded_units(units) %}
    {{- return("case when abs(" ~ units ~ ") < " ~ too_many_units() ~ " then " ~ sats(units) ~ " end") -}}
{% endmacro %}

{# The day from which moments are counted. #}
{% macro day_zero() %}cast('1970-01-01' as date){% endmacro %}

{# The number of a moment. A day has four: coins are minted, then received, then sent, then burned. #}
{% macro moment_of(date, moment) %}
    {{- return("cast(4 * " ~ days_between(day_zero(), date) ~ " + " ~ moment ~ " as integer)") -}}
{% endmacro %}

{# The day of a moment. #}
{% macro day_of(moment) %}
    {{- return(add_days(day_zero(), "(" ~ moment ~ " - mod(" ~ moment ~ ", 4)) / 4")) -}}
{% endmacro %}

{# keccak256 of Issue(uint256), Redeem(uint256) and DestroyedBlackFunds(address,uint256). #}
{% macro issuance_topics() %}
    {{- return([
        '0xcb8241adb0c3fdb35b70c24ce35c5eb0c17af7431c99f827d44a445ca624176a',
        '0x702d5967f45f6513a38ffc42d6ba9bf230bd40e8f53b16363c7eb4fd2deb9a44',
        '0x61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6',
    ]) -}}
{% endmacro %}

{#
    The days up to which all events that move, mint or burn a token are stored, and whether they are from its first
    block on, without a gap.
#}
{% macro token_coverage() %}
    select
        tokens.network,
        tokens.address as token,
        min(covered.last_date) as last_date,
        min(covered.settled_date) as settled_date,
        count(*) = max(
            case when tokens.supply_events = 'issue_redeem' then {{ issuance_topics() | length + 1 }} else 1 end
        )
        and min(
            case
                when covered.is_unbroken and covered.first_block <= coalesce(tokens.first_block, covered.first_block)
                    then 1
                else 0
            end
        ) = 1 as is_whole
    from {{ ref('int_tokens__listed') }} as tokens
    inner join {{ ref('stg_evm__coverage') }} as covered
        on tokens.network = covered.network and tokens.address = covered.address
    where
        covered.topic = {{ transfer_topic() }}
        or (
            tokens.supply_events = 'issue_redeem'
            and covered.topic in ('{{ issuance_topics() | join("', '") }}')
        )
    group by tokens.network, tokens.address
{% endmacro %}

{# Tokens whose transfers, mints and burns are stored from their first block on, without a gap. #}
{% macro covered_tokens() %}
    select
        network,
        token,
        {{ number_of('network, token') }} as token_number,
        last_date,
        settled_date
    from ({{ token_coverage() }}) as coverage
    where is_whole
{% endmacro %}

{# Transfers of tokens, in a relation that says of which days, with numbers of both holders. #}
{% macro token_moves(tokens) %}
    select
        tokens.token_number,
        transfers.value_date,
        {{ sats('transfers.amount_units') }} as amount_units,
        transfers.from_address = {{ zero_address() }} as is_mint,
        transfers.to_address = {{ zero_address() }} as is_burn,
        {{ number_of(
            'transfers.network, transfers.token, coalesce(senders.entity, transfers.from_address)'
        ) }} as sender,
        {{ number_of(
            'transfers.network, transfers.token, coalesce(receivers.entity, transfers.to_address)'
        ) }} as receiver
    from {{ ref('stg_evm__transfers') }} as transfers
    inner join {{ tokens }} as tokens
        on
            transfers.network = tokens.network
            and transfers.token = tokens.token
            and transfers.value_date > tokens.matched_date
            and transfers.value_date <= tokens.last_date
    left join {{ ref('int_tokens__entities') }} as senders
        on transfers.from_address = senders.address and transfers.network = senders.network
    left join {{ ref('int_tokens__entities') }} as receivers
        on transfers.to_address = receivers.address and transfers.network = receivers.network
    where
        transfers.amount_units > 0
        and transfers.amount_units < {{ too_many_units() }}
{% endmacro %}

{# What a row of lots is, one of a few: as text it would cost DuckDB 0.1 s of CPU per million rows to store. #}
{% macro kind_of_lots(kind) %}{{ return(adapter.dispatch('kind_of_lots', 'flowhouse')(kind)) }}{% endmacro %}

{% macro default__kind_of_lots(kind) %}{{ return(kind) }}{% endmacro %}

{% macro duckdb__kind_of_lots(kind) %}
    {%- set kinds = ['mint', 'received', 'transfer', 'burn', 'holders', 'unspent', 'settled', 'kept', 'moved'] -%}
    {{- return("cast(" ~ kind ~ " as enum('" ~ kinds | join("', '") ~ "'))") -}}
{% endmacro %}

{# A digest of the entity map, of how tokens are minted, and of the code that match lots and number holders. #}
{% macro matching_rules() %}
    {%- set macros = [token_moves('x'), moment_of('x', 'y'), next_known('x', 'y', 'z')] %}
    select
        {{ fingerprint("network || ' ' || address || ' ' || entity") }}
        || (
            select {{ fingerprint("network || ' ' || address") }}
            from {{ ref('int_tokens__listed') }}
            where supply_events = 'issue_redeem'
        )
        || '{{ local_md5(model.raw_code ~ macros | join ~ var('compiled_lots')) }}'
        || version() as rules
    from {{ ref('int_tokens__entities') }}
{% endmacro %}

{# What the lots of each token depend on: the rules, the days that count, and the last block that moved it by then. #}
{% macro token_states() %}
    select
        covered.token_number,
        concat_ws(
            ' ',
            max(rules.rules),
            cast(max(covered.last_date) as string),
            cast(max(covered.settled_date) as string),
            max_by(transfers.block_hash, transfers.block_number)
        ) as state
    from ({{ covered_tokens() }}) as covered
    cross join ({{ matching_rules() }}) as rules
    inner join {{ ref('stg_evm__transfers') }} as transfers
        on
            covered.network = transfers.network
            and covered.token = transfers.token
            and covered.last_date >= transfers.value_date
    group by covered.token_number
{% endmacro %}

{# Whether there are lots to go on from: those of an older version do not number their tokens. #}
{% macro has_numbered_lots() %}
    {%- set lots = load_relation(this) -%}
    {{- return(lots and "token_number" in adapter.get_columns_in_relation(lots) | map(attribute="name") | list) -}}
{% endmacro %}

{#
    The tokens whose lots are to be made anew; none, and not a list, where all are. A token that is covered no longer has
    rows that nothing overwrites, so that all are.
#}
{% macro changed_tokens() %}{{ return(adapter.dispatch('changed_tokens', 'flowhouse')()) }}{% endmacro %}

{% macro default__changed_tokens() %}{{ return(none) }}{% endmacro %}

{% macro spark__changed_tokens() %}
    {%- if not execute or flags.FULL_REFRESH or not has_numbered_lots() or not has_rows(this) %}{{ return(none) }}{% endif -%}
    {%- set tokens %}
        select
            states.token_number,
            states.state is null as is_gone
        from ({{ token_states() }}) as states
        full join (select distinct token_number from {{ this }}) as kept on states.token_number = kept.token_number
        left join (select distinct token_number, history from {{ this }} where kind = 'settled') as made
            on states.token_number = made.token_number and states.state = made.history
        where made.token_number is null
    {% endset -%}
    {%- set rows = run_query(tokens).rows -%}
    {{- return(none if rows | selectattr('is_gone') | list else rows) -}}
{% endmacro %}

{% macro of_changed_tokens() %}
    {%- set changed = changed_tokens() -%}
    {%- if changed is not none %}
    where
        {%- for token in changed %}
        covered.token_number = {{ token['token_number'] }} or
        {%- endfor %}
        false
    {%- endif %}
{%- endmacro %}

{# The last block that moved each token on a day; `days` has network, token and value_date. #}
{% macro last_blocks(days) %}
    select
        network,
        token,
        value_date,
        block_hash
    from (
        select
            days.*,
            transfers.block_hash,
            row_number() over (
                partition by days.network, days.token order by transfers.block_number desc, transfers.log_index desc
            ) as newest_first
        from {{ days }} as days
        inner join {{ ref('stg_evm__transfers') }} as transfers
            on
                days.network = transfers.network
                and days.token = transfers.token
                and days.value_date = transfers.value_date
        -- Keeps files of earlier days from being read.
        where transfers.value_date >= (select min(value_date) from {{ days }})
    ) as blocks
    where newest_first = 1
{% endmacro %}

{# The day up to which the lots of tokens are kept, and the last blocks and the rules that they come from. #}
{% macro settled_lots(tokens) %}
select
    tokens.token_number,
    null as holder,
    tokens.settled_date as value_date,
    coalesce(last_blocks.value_date, tokens.last_block_date) as birth_date,
    'settled' as kind,
    null as amount_units,
    null as lots,
    null as new_holders,
    coalesce(rules.rules || ' ' || last_blocks.block_hash, tokens.history) as history
from {{ tokens }} as tokens
cross join ({{ matching_rules() }}) as rules
left join last_blocks on tokens.network = last_blocks.network and tokens.token = last_blocks.token
where tokens.settled_date > tokens.matched_date
{% endmacro %}

{#
    Tokens whose lots are to be matched: the day up to which present lots are kept (matched_date), and the last block
    and rules that they come from (last_block_date, history). None are kept if block or rules have changed: equal block
    hashes mean equal blocks before them.
#}
{% macro lot_states() %}
    {%- if is_incremental() %}
    with covered as (
        {{ covered_tokens() }}
    ),

    settled as (
        select
            token_number,
            value_date as settled_date,
            birth_date as value_date,
            history
        from (
            select
                *,
                row_number() over (partition by token_number order by value_date desc) as newest_first
            from {{ this }}
            where kind = 'settled'
        ) as settled
        where newest_first = 1
    ),

    still_settled as (
        select
            settled.*,
            covered.network,
            covered.token
        from settled
        inner join covered
            on settled.token_number = covered.token_number and settled.settled_date <= covered.settled_date
    ),

    matched as (
        select
            settled.token_number,
            settled.settled_date as matched_date,
            settled.value_date as last_block_date,
            settled.history
        from still_settled as settled
        inner join ({{ last_blocks('still_settled') }}) as blocks
            on settled.network = blocks.network and settled.token = blocks.token
        inner join ({{ matching_rules() }}) as rules on settled.history = rules.rules || ' ' || blocks.block_hash
    )

    select
        coalesce(covered.token_number, settled.token_number) as token_number,
        covered.network,
        covered.token,
        covered.last_date,
        covered.settled_date,
        coalesce(matched.matched_date, {{ day_zero() }}) as matched_date,
        matched.last_block_date,
        matched.history
    from covered
    full join settled on covered.token_number = settled.token_number
    left join matched on covered.token_number = matched.token_number
    {%- else %}
    select {{ state_of_nothing() }}
    from ({{ covered_tokens() }}) as covered
    {{- of_changed_tokens() }}
    {%- endif %}
{% endmacro %}

{# The columns of the state of a token that nothing is kept of. #}
{% macro state_of_nothing() %}
        token_number,
        network,
        token,
        last_date,
        settled_date,
        {{ day_zero() }} as matched_date,
        cast(null as date) as last_block_date,
        cast(null as string) as history
{% endmacro %}

{# The states as literals, so that the engine knows how few there are; only where there are lots already. #}
{% macro known_states(states) %}
    {%- for state in states %}
    select
        cast('{{ state['token_number'] }}' as ubigint) as token_number,
        {{ as_text(state['network']) }} as network,
        {{ as_text(state['token']) }} as token,
        {{ as_date(state['last_date']) }} as last_date,
        {{ as_date(state['settled_date']) }} as settled_date,
        {{ as_date(state['matched_date']) }} as matched_date,
        {{ as_date(state['last_block_date']) }} as last_block_date,
        {{ as_text(state['history']) }} as history
    {{- ' union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{% macro as_text(text) %}{{ "'" ~ text ~ "'" if text else 'null' }}{% endmacro %}

{% macro as_date(date) %}cast({{ as_text(date) }} as date){% endmacro %}

{# Replaces the days after the kept ones, and the unspent lots of holders who moved something. #}
{% macro replace_lots(lots, new) %}
    {%- set states = run_query("select * from " ~ new ~ " where kind = 'kept' order by value_date desc").rows %}
    {%- if not states or as_date(states[0]['value_date']) == day_zero() %}
    -- Nothing is kept: an older version's lots may have other columns.
    drop table {{ lots }};
    create table {{ lots }} as select * from {{ new }} where kind not in ('kept', 'moved')
    {%- else %}
    {%- for state in states %}
    delete from {{ lots }}
    where
        token_number = '{{ state['token_number'] }}'
        and value_date > {{ as_date(state['value_date']) }};
    {%- endfor %}
    delete from {{ lots }}
    where kind = 'unspent' and holder in {{ few_of('holder', new ~ " where kind = 'moved'") }};
    insert into {{ lots }} select * from {{ new }} where kind not in ('kept', 'moved')
    {%- endif %}
{% endmacro %}

{# Coins spent (coin_flow) and created (coin_created), of Bitcoin and of tokens, in smallest units. #}
{% macro coin_flow() %}
(
    select
        asset,
        network,
        false as is_token,
        spend_date,
        birth_date,
        kind,
        amount_sats as amount_units
    from {{ ref('stg_bitcoin__coin_flow') }}
    union all
    select
        asset,
        network,
        true as is_token,
        value_date as spend_date,
        birth_date,
        kind,
        amount_units
    from {{ ref('int_tokens__coins') }}
    where is_spent
)
{% endmacro %}

{% macro coin_created() %}
(
    select
        asset,
        network,
        false as is_token,
        birth_date,
        kind,
        amount_sats as amount_units
    from {{ ref('stg_bitcoin__coin_created') }}
    union all
    select
        asset,
        network,
        true as is_token,
        birth_date,
        kind,
        amount_units
    from {{ ref('int_tokens__coins') }}
    where not is_spent
)
{% endmacro %}

{# Whether compiled code pays: to load it takes as long as the lots of half a million transfers in SQL, a second. #}
{% macro has_many_transfers() %}
    {%- set count = run_query("select count(*) as transfers from " ~ ref('stg_evm__transfers')).rows[0]['transfers'] -%}
    {{- return(count >= var('compiled_from_transfers')) -}}
{% endmacro %}

{#
    The Python job that adds the lots of tokens that nothing is kept of to a table; none where they are few or none.
    It gives the rows that int_tokens__lots has in full, in 0.6 of the CPU.
#}
{% macro lots_job(lots) %}
    {%- set some_start = "select 1 from " ~ lots ~ " where kind = 'kept' and value_date = " ~ day_zero() ~ " limit 1" %}
    {%- if (not is_incremental() or run_query(some_start).rows) and has_many_transfers() -%}
    {{- starting_job(lots) -}}
    {%- endif -%}
{% endmacro %}

{% macro starting_job(lots) %}
    {%- do run_query(starting_tokens(lots)) -%}
    {%- if run_query("select 1 from starting_tokens limit 1").rows -%}
from orchestration.token_lots.job import match


class dbtObj:
    def __init__(self, load): ...


def model(dbt, con):
    match(
        con,
        tokens={{ tojson(numbered_tokens()) }},
        entities={{ tojson(numbered_entities()) }},
        days={{ tojson(starting_days()) }},
        moves={{ tojson(starting_moves()) }},
        insert={{ tojson(starting_lots(lots)) }},
        merge={{ tojson(merged_lots(lots)) }},
    )
    con.execute({{ tojson(starting_settled(lots)) }})
    con.execute("drop table starting_tokens")


def materialize(rows, con): ...
    {%- endif -%}
{% endmacro %}

{% macro starting_tokens(lots) %}
    create or replace temporary table starting_tokens as
    select {{ state_of_nothing() }}
    from ({{ covered_tokens() }}) as covered
    {%- if is_incremental() %}
    inner join {{ lots }} as kept using (token_number)
    where kept.kind = 'kept' and kept.value_date = {{ day_zero() }}
    {%- endif %}
{% endmacro %}

{% macro starting_days() %}
    select
        value_date,
        count(*) as transfers
    from {{ ref('stg_evm__transfers') }}
    group by value_date
{% endmacro %}

{% macro numbered_tokens() %}
    select
        token_number,
        {{ number_of('network, token, ' ~ zero_address()) }} as zero,
        last_date,
        settled_date
    from starting_tokens
{% endmacro %}

{# Whom an address belongs to, by token: compiled code looks it up, for joins of all transfers take twice the time. #}
{% macro numbered_entities() %}
    select
        {{ number_of('tokens.network, tokens.token, entities.address') }} as holder,
        {{ number_of('tokens.network, tokens.token, entities.entity') }} as entity
    from {{ ref('int_tokens__entities') }} as entities
    inner join starting_tokens as tokens on entities.network = tokens.network
{% endmacro %}

{% macro starting_moves() %}
    select
        {{ number_of('network, token') }} as token_number,
        value_date,
        {{ number_of('network, token, from_address') }} as sender,
        {{ number_of('network, token, to_address') }} as receiver,
        {{ sats('amount_units') }} as amount_units
    from {{ ref('stg_evm__transfers') }}
    where
        value_date between ? and ?
        and amount_units > 0
        and amount_units < {{ too_many_units() }}
{% endmacro %}

{% macro starting_lots(lots) %}
    insert into {{ lots }}
    select
        token_number,
        holder,
        value_date,
        birth_date,
        kind,
        amount_units,
        lots,
        new_holders,
        null as history
    from matched_lots
{% endmacro %}

{% macro merged_lots(lots) %}
    create or replace temporary table merged_lots as
    select
        token_number,
        holder,
        value_date,
        birth_date,
        kind,
        sum(amount_units) as amount_units,
        sum(lots) as lots,
        new_holders,
        history
    from {{ lots }}
    where kind in ('transfer', 'burn')
    group by token_number, holder, value_date, birth_date, kind, new_holders, history;
    delete from {{ lots }} where kind in ('transfer', 'burn');
    insert into {{ lots }} from merged_lots;
    drop table merged_lots
{% endmacro %}

{% macro starting_settled(lots) %}
    insert into {{ lots }}
    with last_days as (
        select
            tokens.network,
            tokens.token,
            max(lots.value_date) as value_date
        from {{ lots }} as lots
        inner join starting_tokens as tokens using (token_number)
        where
            lots.kind in ('mint', 'received', 'transfer', 'burn')
            and lots.value_date <= tokens.settled_date
        group by tokens.network, tokens.token
    ),

    last_blocks as (
        {{ last_blocks('last_days') }}
    )

    {{ settled_lots('starting_tokens') }}
{% endmacro %}
