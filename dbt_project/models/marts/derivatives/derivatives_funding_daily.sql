with settlements as (
    select
        *,
        {{ hours_since('value_date', 'settled_at') }} as hour_of_day,
        max(last_changed_at) over (partition by venue, kind) as venue_seen_at
    from {{ ref('derivatives_funding_settlements') }}
),

neighbours as (
    select
        *,
        lag(hour_of_day) over days as previous_hour,
        lag(interval_hours) over days as previous_interval_hours,
        lead(hour_of_day) over days as next_hour
    from settlements
    window days as (partition by asset, venue, contract, kind, value_date order by settled_at)
),

-- Nothing is missing before a settlement that comes no later than its interval allows after the one before it or
-- after the start of the day, and nothing after the last one if the next is due the day after.
checked as (
    select
        *,
        coalesce(
            case
                when previous_hour is null then hour_of_day < interval_hours
                else
                    hour_of_day - previous_hour
                    <= case
                        when previous_interval_hours > interval_hours then previous_interval_hours
                        else interval_hours
                    end
            end
            and (next_hour is not null or hour_of_day + interval_hours >= 24),
            false
        ) as is_gapless
    from neighbours
),

-- Indicated rates are not paid: at their mean, a day would come to so much.
days as (
    select
        asset,
        venue,
        contract,
        value_date,
        kind,
        case
            when kind = 'settled' then {{ exact_sum('rate', 18) }}
            else {{ exact_sum('rate', 18) }} * 24 / (count(*) * min(interval_hours))
        end as sum_rate,
        cast(count(*) as integer) as settlements,
        min(interval_hours) as interval_hours,
        min(rate) as lowest_rate,
        max(rate) as highest_rate,
        min(case when is_gapless then 1 else 0 end) = 1
        and max(venue_seen_at) >= cast({{ add_days('value_date', 1) }} as timestamp) as is_complete,
        max(last_changed_at) as last_changed_at
    from checked
    group by asset, venue, contract, value_date, kind
)

select
    asset,
    venue,
    contract,
    value_date,
    kind,
    sum_rate,
    settlements,
    interval_hours,
    sum_rate * 365 as annualised_rate,
    lowest_rate,
    highest_rate,
    is_complete,
    last_changed_at
from days
