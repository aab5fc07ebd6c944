-- question: Marts and their columns
-- grain: One row per column of a mart.
-- shown: report
-- reading: Every table of the published database: what a row stands for, and what each column means.
-- empty: The database has no marts.

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
