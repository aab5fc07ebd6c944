{# Depth over a period: median and minimum of each band and side, and when the minimum was reached first. #}

{% macro depth_by(period) %}
    with periods as (
        select
            asset,
            venue,
            {{ period }},
            band_pct,
            side,
            percentile_cont(0.5e0) within group (order by notional_usd) as median_notional_usd,
            min(notional_usd) as min_notional_usd,
            cast(count(*) as integer) as snapshots,
            count(distinct notional_usd) as distinct_values
        from snapshots
        group by asset, venue, {{ period }}, band_pct, side
    )

    select
        periods.*,
        lowest.min_at
    from periods
    inner join (
        select
            periods.asset,
            periods.venue,
            periods.{{ period }},
            periods.band_pct,
            periods.side,
            min(snapshots.snapshot_at) as min_at
        from snapshots
        inner join periods
            on
                snapshots.asset = periods.asset
                and snapshots.venue = periods.venue
                and snapshots.{{ period }} = periods.{{ period }}
                and snapshots.band_pct = periods.band_pct
                and snapshots.side = periods.side
                and snapshots.notional_usd = periods.min_notional_usd
        group by periods.asset, periods.venue, periods.{{ period }}, periods.band_pct, periods.side
    ) as lowest
        on
            periods.asset = lowest.asset
            and periods.venue = lowest.venue
            and periods.{{ period }} = lowest.{{ period }}
            and periods.band_pct = lowest.band_pct
            and periods.side = lowest.side
{% endmacro %}
