"""The report: one HTML file that opens anywhere, offline, and its charts as PNG, from a published database."""
