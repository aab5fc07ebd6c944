-- A bar seen before it was over may still change.
with newest as (
    {{ newest_rows(
        ref('stg_binance_bars__bars'), 'asset, venue, instrument_kind, quote_asset, interval_minutes, open_at'
    ) }}
)

select
    asset,
    venue,
    instrument_kind,
    quote_asset,
    interval_minutes,
    open_at,
    value_date,
    open_usd,
    high_usd,
    low_usd,
    close_usd,
    volume_native,
    volume_quote,
    trades,
    60 * {{ hours_between('open_at', 'observed_at') }} >= interval_minutes as is_over,
    observed_at
from newest
where open_usd is not null and high_usd is not null and low_usd is not null and close_usd is not null
