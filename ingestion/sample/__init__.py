"""Six weeks around the crash of November 2025: facts in small tables, and the pages generated from them."""
