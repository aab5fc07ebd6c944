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
    dated.source_url
from dated
inner join {{ ref('facts_funds') }} as funds on dated.ticker = funds.ticker
inner join {{ ref('stg_flowhouse__control') }} as control on dated.known_date <= cast(control.as_of_cutoff as date)
