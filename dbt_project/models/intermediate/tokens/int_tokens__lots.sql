{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='holder',
        incremental_predicates=["kind = 'unspent'"],
        pre_hook='{{ forget_changed_lots() }}',
    )
}}

{% set matched_until = matched_until() -%}
-- Coins leave a holder in the order they came: what left is where the running totals of both overlap. The rows are the
-- state too: what a holder has not spent takes the place of what he had not spent before, once something moves.
with covered as (
    {{ covered_tokens() }}
),

{% if is_incremental() -%}
states as (
    select *
    from (
        select
            *,
            row_number() over (partition by network, token order by value_date desc) as newest_first
        from {{ this }}
        where kind = 'settled'
    ) as settled
    where newest_first = 1
),
{%- endif %}

numbered as (
    select
        covered.*,
        row_number() over (order by covered.network, covered.token) as token_number,
        {% if is_incremental() -%}
        coalesce(states.value_date, cast('1969-12-31' as date)) as matched_date,
        states.birth_date as last_block_date,
        states.history
    from covered
    left join states on covered.network = states.network and covered.token = states.token
        {%- else -%}
        cast('1969-12-31' as date) as matched_date,
        cast(null as date) as last_block_date,
        cast(null as {{ dbt.type_string() }}) as history
    from covered
        {%- endif %}
),

moves as (
    select
        numbered.token_number,
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
    inner join numbered
        on
            transfers.network = numbered.network
            and transfers.token = numbered.token
            and transfers.value_date > numbered.matched_date
            and transfers.value_date <= numbered.last_date
    left join {{ ref('entities') }} as senders
        on transfers.from_address = senders.address and transfers.network = senders.network
    left join {{ ref('entities') }} as receivers
        on transfers.to_address = receivers.address and transfers.network = receivers.network
    where
        transfers.value_date > {{ matched_until }}
        and transfers.amount_units > 0
        and transfers.amount_units < {{ too_many_units() }}
),

-- Both sides of each transfer.
sides as (
    select
        moves.token_number,
        case when direction.is_in then moves.receiver else moves.sender end as holder,
        moves.value_date,
        case
            when direction.is_in then case when moves.is_mint then 'mint' else 'received' end
            when moves.is_burn then 'burn'
            else 'transfer'
        end as kind,
        moves.amount_units
    from moves
    cross join (select true as is_in union all select false as is_in) as direction
    where moves.sender <> moves.receiver and not case when direction.is_in then moves.is_burn else moves.is_mint end
),

daily as (
    select
        token_number,
        holder,
        value_date,
        kind,
        sum(amount_units) as amount_units
    from sides
    group by token_number, holder, value_date, kind
),

sent as (
    select
        token_number,
        holder,
        -- Within a day transfers leave before burns.
        2 * {{ days_between("cast('1970-01-01' as date)", 'value_date') }}
        + case kind when 'burn' then 1 else 0 end as step,
        amount_units
    from daily
    where kind in ('transfer', 'burn')
),

available as (
    select
        token_number,
        holder,
        value_date as birth_date,
        amount_units
    from daily
    where kind in ('mint', 'received')
    {%- if is_incremental() %}
    union all
    select
        numbered.token_number,
        held.holder,
        held.birth_date,
        held.amount_units
    from {{ this }} as held
    inner join numbered on held.network = numbered.network and held.token = numbered.token
    where held.kind = 'unspent' and held.holder in {{ few_of('holder', 'daily') }}
    {%- endif %}
),

ends as (
    select
        token_number,
        holder,
        birth_date,
        cast(null as integer) as step,
        sum(amount_units) over (partition by holder order by birth_date) as total_units
    from available
    union all
    select
        token_number,
        holder,
        cast(null as date) as birth_date,
        step,
        sum(amount_units) over (partition by holder order by step) as total_units
    from sent
),

pieces as (
    select
        token_number,
        holder,
        {{ next_known('birth_date', 'partition by holder order by total_units') }} as birth_date,
        {{ next_known('step', 'partition by holder order by total_units') }} as step,
        total_units - lag(total_units, 1, 0) over (partition by holder order by total_units) as amount_units
    from ends
),

matched as (
    select
        token_number,
        holder,
        {{ add_days("cast('1970-01-01' as date)", '(step - mod(step, 2)) / 2') }} as value_date,
        birth_date,
        case mod(step, 2) when 0 then 'transfer' when 1 then 'burn' end as kind,
        amount_units
    from pieces
    where amount_units > 0
),

last_days as (
    select
        numbered.network,
        numbered.token,
        max(daily.value_date) as value_date
    from daily
    inner join numbered on daily.token_number = numbered.token_number
    where daily.value_date <= numbered.settled_date
    group by numbered.network, numbered.token
),

last_blocks as (
    select
        last_days.network,
        last_days.token,
        last_days.value_date,
        transfers.block_hash,
        row_number() over (
            partition by last_days.network, last_days.token
            order by transfers.block_number desc, transfers.log_index desc
        ) as newest_first
    from last_days
    inner join {{ ref('stg_evm__transfers') }} as transfers
        on
            last_days.value_date = transfers.value_date
            and last_days.token = transfers.token
            and last_days.network = transfers.network
    where transfers.value_date > {{ matched_until }}
),

lots as (
    select
        token_number,
        holder,
        value_date,
        value_date as birth_date,
        kind,
        amount_units
    from daily
    where kind in ('mint', 'received')
    union all
    select
        token_number,
        holder,
        value_date,
        -- Nobody sends what comes later: such coins have no birth, and their token does not conserve its amounts.
        case when birth_date <= value_date then birth_date end as birth_date,
        kind,
        amount_units
    from matched
    where kind is not null
    union all
    select
        matched.token_number,
        matched.holder,
        matched.birth_date as value_date,
        matched.birth_date,
        'unspent' as kind,
        sum(matched.amount_units) as amount_units
    from matched
    inner join numbered on matched.token_number = numbered.token_number
    where
        matched.birth_date <= numbered.settled_date
        and (matched.value_date is null or matched.value_date > numbered.settled_date)
    group by matched.token_number, matched.holder, matched.birth_date
)

select
    numbered.network,
    numbered.token,
    lots.holder,
    lots.value_date,
    lots.birth_date,
    lots.kind,
    lots.amount_units,
    cast(null as {{ dbt.type_string() }}) as history
from lots
inner join numbered on lots.token_number = numbered.token_number
union all
-- Up to which day the rows stay, and from which blocks they come.
select
    numbered.network,
    numbered.token,
    null as holder,
    numbered.settled_date as value_date,
    coalesce(last_blocks.value_date, numbered.last_block_date) as birth_date,
    'settled' as kind,
    null as amount_units,
    coalesce(md5(rules.rules || last_blocks.block_hash), numbered.history) as history
from numbered
cross join ({{ matching_rules() }}) as rules
left join last_blocks
    on
        numbered.network = last_blocks.network
        and numbered.token = last_blocks.token
        and last_blocks.newest_first = 1
where numbered.settled_date > numbered.matched_date
