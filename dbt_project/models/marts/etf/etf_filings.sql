with dated as (
    select
        *,
        -- Large filers have 40 to 45 days; a date that was not looked up is assumed at the end of them.
        coalesce(filed_date, {{ add_days('quarter_end_date', 45) }}) as known_date
    from {{ ref('facts_filings') }}
)

select
    funds.asset,
    dated.ticker,
    dated.quarter_end_date,
    dated.known_date as filed_date,
    dated.filed_date is null as is_filed_date_assumed,
    dated.form,
    {{ native('dated.filed_native') }} as filed_native,
    dated.shares_outstanding,
    -- Settled coins lack the trades of the quarter's last session.
    case
        when conventions.filing_date_convention = 'settlement_date' then sessions.previous_session_date
        else sessions.session_date
    end as counted_session_date,
    dated.source_url
from dated
inner join {{ ref('facts_funds') }} as funds on dated.ticker = funds.ticker
inner join {{ ref('stg_flowhouse__control') }} as control on dated.known_date <= cast(control.as_of_cutoff as date)
left join {{ ref('filing_date_convention') }} as conventions on dated.ticker = conventions.ticker
left join {{ ref('stg_nyse__sessions') }} as sessions
    on dated.quarter_end_date >= sessions.session_date and dated.quarter_end_date < sessions.next_session_date
