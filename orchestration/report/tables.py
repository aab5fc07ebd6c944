"""The sections that are tables: claims, the road from a figure to its bytes, and what each column means."""

from orchestration.report.sections import Answer, Section

CLAIMS = Section(
    "claims",
    "Claims and what the data says",
    "Sentences that were published with a number in them, and whether the warehouse bears them out. Tolerances were"
    " fixed before looking; a false claim is no fault of the data.",
    ("claims",),
    """
select
    claim_id as claim,
    quote,
    replace(verdict, '_', ' ') as verdict,
    observed_value as observed,
    unit,
    rows_used || ' of ' || nullif(rows_expected, 0) as rows,
    evidence,
    as_of as "as of",
    article
from marts.claims
order by claim_id
""",
    "No claims are held.",
)

FIGURE = Section(
    "figure_to_bytes",
    "From a figure to its bytes",
    "The first query finds what a publisher said, word for word, and the checksum of the file it stood in; the second"
    " finds that file in the archive, here for the first row. Change the ticker or add a date for another figure.",
    ("etf_observations",),
    """
select value_date, raw_text, value, observed_at, archive_sha256
from marts.etf_observations
where source = 'farside' and ticker = 'IBIT' and metric = 'net_flow_usd'
order by value_date desc, observed_at desc
limit 5
""",
    "Nothing a publisher said about IBIT is held.",
)

COLUMNS = Section(
    "columns",
    "Marts and their columns",
    "Every table of the published database: what a row is, and what each column means.",
    (),
    """
select
    tables.table_name as mart,
    tables.comment as grain,
    columns.column_name as name,
    lower(columns.data_type) as type,
    columns.comment as meaning
from duckdb_tables() as tables
inner join duckdb_columns() as columns
    on columns.schema_name = tables.schema_name and columns.table_name = tables.table_name
where tables.schema_name = 'marts'
order by mart, columns.column_index
""",
    "The database holds no marts.",
)


_FILES = """
select filename, url, fetched_at, bytes, origin
from read_json('data/archive/*/*/*.meta.json', filename = true, union_by_name = true)
"""
SERIES_QUERY = f"""{_FILES}where source = 'holder_series'
order by fetched_at desc
"""


def bytes_query(figure: Answer) -> str:
    """The query that finds the archived file of the first figure found."""
    sha256 = figure.records[0]["archive_sha256"] if figure.rows else "..."
    return f"{_FILES}where sha256 = '{sha256}'\n"
