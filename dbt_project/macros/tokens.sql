{# Token holders: what the lots of account chains are matched from. #}

{% macro zero_address() %}'0x0000000000000000000000000000000000000000'{% endmacro %}

{# keccak256 of Transfer(address,address,uint256). #}
{% macro transfer_topic() %}'0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'{% endmacro %}

{# Smallest units from which on an amount times a weight in 1e-9 does not fit decimal(38, 0). #}
{% macro too_many_units() %}cast('100000000000000000000000000000' as decimal(38, 0)){% endmacro %}

{# Units that sums can be made of; null where they are too many. #}
{% macro bounded_units(units) %}
    {{- return("case when abs(" ~ units ~ ") < " ~ too_many_units() ~ " then " ~ sats(units) ~ " end") -}}
{% endmacro %}

{# Tokens whose transfers are held from their first block on, all in one range. #}
{% macro covered_tokens() %}
    select
        tokens.network,
        tokens.address as token,
        covered.last_date,
        covered.settled_date
    from {{ ref('tokens') }} as tokens
    inner join {{ ref('stg_evm__coverage') }} as covered
        on tokens.network = covered.network and tokens.address = covered.address
    where
        covered.topic = {{ transfer_topic() }}
        and covered.is_unbroken
        and covered.first_block <= coalesce(tokens.first_block, covered.first_block)
{% endmacro %}

{# Name of a state of the entity map, with what else decides how lots are matched and holders are numbered. #}
{% macro matching_rules() %}
    select
        {{ fingerprint("network || ' ' || address || ' ' || entity") }}
        || '{{ local_md5(model.raw_code) }}'
        || version() as rules
    from {{ ref('entities') }}
{% endmacro %}

{#
    Up to which day the lots of each token stay; null where its transfers, or the rules they were matched by, are no longer
    those of that day. Equal block hashes mean equal blocks before them.
#}
{% macro lot_states() %}
    with settled as (
        select
            *,
            row_number() over (partition by network, token order by value_date desc) as newest_first
        from {{ this }}
        where kind = 'settled'
    ),

    blocks as (
        select
            settled.network,
            settled.token,
            transfers.block_hash,
            row_number() over (
                partition by settled.network, settled.token
                order by transfers.block_number desc, transfers.log_index desc
            ) as newest_first
        from settled
        inner join {{ ref('stg_evm__transfers') }} as transfers
            on
                settled.network = transfers.network
                and settled.token = transfers.token
                and settled.birth_date = transfers.value_date
        -- Keeps files of earlier days from being read.
        where
            settled.newest_first = 1
            and transfers.value_date >= (select min(birth_date) from settled where newest_first = 1)
    )

    select
        coalesce(covered.network, settled.network) as network,
        coalesce(covered.token, settled.token) as token,
        case
            when md5(rules.rules || blocks.block_hash) = settled.history and covered.settled_date >= settled.value_date
                then settled.value_date
        end as settled_date
    from ({{ covered_tokens() }}) as covered
    full join (select * from settled where newest_first = 1) as settled
        on covered.network = settled.network and covered.token = settled.token
    cross join ({{ matching_rules() }}) as rules
    left join blocks
        on settled.network = blocks.network and settled.token = blocks.token and blocks.newest_first = 1
{% endmacro %}

{# Before lots are matched again, forgets those that may have changed. #}
{% macro forget_changed_lots() %}
    {%- if is_incremental() -%}
        {%- for network, token, settled_date in run_query(lot_states()) %}
            delete from {{ this }}
            where network = '{{ network }}' and token = '{{ token }}'
            {%- if settled_date %} and value_date > cast('{{ settled_date }}' as date){% endif %};
        {%- endfor %}
    {%- endif -%}
{% endmacro %}

{# The last day of which no lot of any token is to be matched; as a literal, so that files of days before are not read. #}
{% macro matched_until() %}
    {%- set days = [] -%}
    {%- if execute and is_incremental() -%}
        {%- for row in run_query(lot_states()) %}{% do days.append(row['settled_date'] | string) %}{% endfor -%}
    {%- endif -%}
    {{- return("cast('" ~ ('1969-12-31' if 'None' in days or not days else days | min) ~ "' as date)") -}}
{% endmacro %}

{# Who spent which coins, or created them: Bitcoin's and those of tokens, in smallest units. #}
{% macro coin_flow() %}
(
    select
        asset,
        network,
        spend_date,
        birth_date,
        kind,
        amount_sats as amount_units
    from {{ ref('stg_bitcoin__coin_flow') }}
    union all
    select
        asset,
        network,
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
        birth_date,
        kind,
        amount_sats as amount_units
    from {{ ref('stg_bitcoin__coin_created') }}
    union all
    select
        asset,
        network,
        birth_date,
        kind,
        amount_units
    from {{ ref('int_tokens__coins') }}
    where not is_spent
)
{% endmacro %}
