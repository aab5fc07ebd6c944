with closes as (
    select * from {{ ref('market_prices_daily') }}
    where close_usd > 0
)

select
    one.asset,
    one.price_date,
    one.venue as venue_a,
    other.venue as venue_b,
    one.close_usd as close_a_usd,
    other.close_usd as close_b_usd,
    (other.close_usd / one.close_usd - 1) * 100 as difference_pct
from closes as one
inner join closes as other
    on one.asset = other.asset and one.price_date = other.price_date and one.venue < other.venue
where {{ are_disputed('one.close_usd', 'other.close_usd') }}
