with derived as (
    select
        cohorts.asset,
        cohorts.network,
        cohorts.definition_id,
        cohorts.value_date,
        {{ native_from_weighted('cohorts.held', 'cohorts.decimals') }} as lth_native,
        {{ native_from_units('supply.supply_units', 'supply.decimals') }} as supply_native,
        cohorts.is_final
    from {{ ref('int_onchain__cohorts_daily') }} as cohorts
    inner join {{ ref('int_onchain__supply_daily') }} as supply
        on
            cohorts.asset = supply.asset
            and cohorts.network = supply.network
            and cohorts.value_date = supply.value_date
)

select
    asset,
    network,
    'derived' as series,
    definition_id,
    value_date,
    lth_native,
    supply_native - lth_native as sth_native,
    supply_native,
    0 as computation,
    is_final
from derived
union all
select
    asset,
    network,
    series,
    definition_id,
    value_date,
    lth_native,
    sth_native,
    lth_native + sth_native as supply_native,
    computation,
    is_final
from {{ ref('int_onchain__published_supply') }}
