"""A running node over HTTP: its headers, and the newest blocks with the coins they spent."""
