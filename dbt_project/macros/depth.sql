{# Depth over a period: median and minimum of each band and side, and when the minimum was reached first. #}

{% macro depth_by(period) %}
    select
        periods.*,
        lowest.min_at
    from (
        select
            asset,
            venue,
            {{ period }},
            band_pct,
            side,
            percentile_cont(0.5) within group (order by notional_usd) as median_notional_usd,
            min(notional_usd) as min_notional_usd,
            cast(count(*) as integer) as snapshots,
            count(distinct notional_usd) as notionals,
            count(distinct depth_native) as depths
        from snapshots
        group by asset, venue, {{ period }}, band_pct, side
    ) as periods
    inner join (
        select
            asset,
            venue,
            {{ period }},
            band_pct,
            side,
            min(snapshot_at) as min_at
        from (
            select
                *,
                min(notional_usd) over (partition by asset, venue, {{ period }}, band_pct, side) as lowest_usd
            from snapshots
        ) as with_lowest
        where notional_usd = lowest_usd
        group by asset, venue, {{ period }}, band_pct, side
    ) as lowest
        on
            periods.asset = lowest.asset
            and periods.venue = lowest.venue
            and periods.{{ period }} = lowest.{{ period }}
            and periods.band_pct = lowest.band_pct
            and periods.side = lowest.side
{% endmacro %}
