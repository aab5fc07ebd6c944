"""Open Harlequin on a file without a terminal, type a query, and print what it shows; run by Harlequin's Python.

Prints one JSON object: `marts`, the names in its catalogue, and `rows`, what the query gave.
"""

import asyncio
import json
import sys

from harlequin import Harlequin
from harlequin_duckdb import DuckDbAdapter


async def look(file: str, query: str) -> dict:
    app = Harlequin(DuckDbAdapter((file,), read_only=True), no_download_tzdata=True, record_history=False)
    async with app.run_test(size=(140, 45)) as pilot:

        async def until(found):
            while not (value := found()):
                await pilot.pause(0.05)
            return value

        connection = await until(lambda: app.connection)
        (database,) = connection.get_catalog().items
        marts = next(schema for schema in database.fetch_children() if schema.label == "marts")
        (await until(lambda: app.editor)).text = query
        await pilot.press("ctrl+j")
        table = await until(lambda: (shown := app.results_viewer.get_visible_table()) and shown.row_count and shown)
        rows = [table.get_row_at(number) for number in range(table.row_count)]
        return {"marts": [mart.label for mart in marts.fetch_children()], "rows": rows}


print(json.dumps(asyncio.run(look(*sys.argv[1:]))))
