"""One module per publisher, each with three plain functions and a few facts:

    SOURCE, TABLE       its raw table is `<source>/<table>` in the lake, in Dagster and in dbt
    RESOURCES, EXT      what can be fetched, and the ending its files get in the archive; a source of files that users
                        bring has no RESOURCES and no `fetch`, and its `resource` is the name given to the file
    KEY                 the columns that name a cell, with their Polars types
    NEWEST              "next_session" or "same_day": the latest value date a page may carry

    fetch(http, resource, held, day)   the publisher's answers not held yet, as `Served`; the only one with I/O
    parse(content)                     bytes -> rows in the publisher's own words
    frame(rows, resource)              rows -> KEY + (raw_text, value): one row per cell, typed, in our units

A blank cell ("not reported yet") has neither raw_text nor value. A page that cannot be trusted raises `PageRefused`.
"""
