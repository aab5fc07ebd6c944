{{ config(materialized='incremental', replace_with='replace_lots', start_with='lots_job') }}

{% set in_order = 'partition by holder order by total_units, went nulls first' -%}
{% set in_reverse = 'partition by holder order by total_units desc, went desc nulls last' -%}
{% set states = lot_states() -%}
{% set known = run_query(states).rows if execute and is_incremental() else [] -%}
{% set kept = known | rejectattr('matched_date', 'equalto', modules.datetime.date(1970, 1, 1)) | list -%}
{% set by_code = kept | length < known | length and has_many_transfers() -%}
-- First in, first out: a lot is matched where the running totals of coins received and sent overlap. The rows are also
-- the state of the next run: once a holder moves something, new unspent lots replace the old ones. An incremental run
-- leaves tokens that nothing is kept of to compiled code where they are large, as does the first on DuckDB: lots_job.
with states as (
    {{- known_states(known) if known else states }}
),

tokens as (
    select
        *,
        {{ moment_of('matched_date', 4) }} as matched_end,
        {{ moment_of('settled_date', 4) }} as settled_end
    from states
    {%- if by_code %}
    where matched_date > {{ day_zero() }}
    {%- endif %}
),

moves as (
    {{ token_moves('tokens') }}
    {%- if known %}
        and transfers.value_date > {{ as_date((kept if by_code else known) | map(attribute='matched_date') | min) }}
    {%- endif %}
),

-- Both sides of each transfer.
sides as (
    select
        moves.token_number,
        case when direction.is_in then moves.receiver else moves.sender end as holder,
        {{ moment_of(
            'moves.value_date',
            'case when direction.is_in then case when moves.is_mint then 0 else 1 end when moves.is_burn then 3 else 2 end'
        ) }} as moment,
        moves.amount_units
    from moves
    cross join (select true as is_in union all select false as is_in) as direction
    where moves.sender <> moves.receiver and not case when direction.is_in then moves.is_burn else moves.is_mint end
),

amounts as (
    select
        token_number,
        holder,
        moment,
        sum(amount_units) as amount_units
    from sides
    group by token_number, holder, moment
),

-- Coins received on a day are one lot, before any are sent; unspent lots of earlier runs come in on their birth day.
steps as (
    select
        token_number,
        holder,
        case when mod(moment, 4) < 2 then moment - mod(moment, 4) end as came,
        case when mod(moment, 4) >= 2 then moment end as went,
        amount_units
    from amounts
    {%- if is_incremental() %}
    union all
    select
        tokens.token_number,
        unspent.holder,
        {{ moment_of('unspent.birth_date', 0) }} as came,
        null as went,
        unspent.amount_units
    from {{ this }} as unspent
    inner join tokens
        on unspent.token_number = tokens.token_number and unspent.birth_date <= tokens.matched_date
    where unspent.kind = 'unspent' and unspent.holder in {{ few_of('holder', 'amounts') }}
    {%- endif %}
),

ends as (
    select
        token_number,
        holder,
        came,
        went,
        sum(amount_units) over (partition by holder, came is null order by coalesce(came, went)) as total_units
    from steps
),

-- Where totals are equal, what came sorts before what went: in the empty piece after it the holder has nothing.
pieces as (
    select
        token_number,
        holder,
        {{ next_known('came', in_order, in_reverse) }} as came,
        {{ next_known('went', in_order, in_reverse) }} as went,
        went is not null as is_end,
        total_units,
        lag(total_units, 1, 0) over ({{ in_order }}) as earlier_units
    from ends
),

matched as (
    select
        token_number,
        holder,
        came,
        went,
        total_units - earlier_units as amount_units,
        earlier_units = 0 as is_first,
        is_end and total_units = earlier_units and coalesce(came > went, true) as is_empty
    from pieces
),

last_days as (
    select
        tokens.network,
        tokens.token,
        {{ day_of('max(amounts.moment)') }} as value_date
    from amounts
    inner join tokens on amounts.token_number = tokens.token_number
    where amounts.moment < tokens.settled_end
    group by tokens.network, tokens.token
),

last_blocks as (
    {{ last_blocks('last_days') }}
),

-- An address becomes a holder when it receives coins and had none, and stops being one on the day that leaves it none.
holders as (
    select
        matched.token_number,
        matched.came as day_moment,
        1 as new_holders
    from matched
    inner join tokens on matched.token_number = tokens.token_number
    where (matched.is_first or matched.is_empty) and matched.came >= tokens.matched_end
    union all
    select
        token_number,
        went - mod(went, 4) as day_moment,
        -1 as new_holders
    from matched
    where is_empty
),

lots as (
    select
        token_number,
        null as holder,
        moment,
        moment as birth,
        case mod(moment, 4) when 0 then 'mint' else 'received' end as kind,
        sum(amount_units) as amount_units,
        count(*) as lots,
        null as new_holders
    from amounts
    where mod(moment, 4) < 2
    group by token_number, moment
    union all
    select
        token_number,
        null as holder,
        went as moment,
        -- Coins sent before they came have no birth: their token does not conserve its amounts.
        case when came < went then came end as birth,
        case mod(went, 4) when 2 then 'transfer' else 'burn' end as kind,
        sum(amount_units) as amount_units,
        count(*) as lots,
        null as new_holders
    from matched
    where went is not null and amount_units > 0
    group by 1, 3, 4, 5
    union all
    select
        token_number,
        null as holder,
        day_moment as moment,
        null as birth,
        'holders' as kind,
        null as amount_units,
        null as lots,
        sum(new_holders) as new_holders
    from holders
    group by token_number, day_moment
    union all
    select
        matched.token_number,
        matched.holder,
        matched.came as moment,
        matched.came as birth,
        'unspent' as kind,
        sum(matched.amount_units) as amount_units,
        1 as lots,
        null as new_holders
    from matched
    inner join tokens on matched.token_number = tokens.token_number
    where matched.came < tokens.settled_end and coalesce(matched.went >= tokens.settled_end, true)
    group by matched.token_number, matched.holder, matched.came
    {%- if is_incremental() %}
    union all
    select distinct
        token_number,
        holder,
        cast(null as integer) as moment,
        cast(null as integer) as birth,
        'moved' as kind,
        cast(null as decimal(38, 0)) as amount_units,
        cast(null as bigint) as lots,
        cast(null as bigint) as new_holders
    from amounts
    {%- endif %}
),

rows_of_lots as (
    select
        token_number,
        holder,
        {{ day_of('moment') }} as value_date,
        {{ day_of('birth') }} as birth_date,
        kind,
        amount_units,
        cast(lots as bigint) as lots,
        cast(new_holders as bigint) as new_holders,
        cast(null as string) as history
    from lots
    union all
    {{ settled_lots('tokens') }}
    {%- if is_incremental() %}
    union all
    -- Present rows of later days are replaced.
    select
        token_number,
        null as holder,
        matched_date as value_date,
        null as birth_date,
        'kept' as kind,
        null as amount_units,
        null as lots,
        null as new_holders,
        null as history
    from states
    {%- endif %}
)

select
    token_number,
    holder,
    value_date,
    birth_date,
    {{ kind_of_lots('kind') }} as kind,
    amount_units,
    lots,
    new_holders,
    history
from rows_of_lots
