-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    network,
    contract as address,
    topic,
    min(from_block) as first_block,
    -- Ranges of one contract and topic never overlap.
    sum(to_block - from_block + 1) = max(to_block) - min(from_block) + 1 as is_unbroken,
    least(max(to_value_date), {{ add_days('cast(' ~ as_of_cutoff() ~ ' as date)', -1) }}) as last_date,
    least(
        {{ add_days("coalesce(max(case when is_final then to_value_date end), cast('1970-01-02' as date))", -1) }},
        {{ add_days('cast(' ~ as_of_cutoff() ~ ' as date)', -1) }}
    ) as settled_date
from {{ raw('evm', 'coverage') }}
group by network, contract, topic
