"""One module per publisher, or per kind of file that users bring; `ingestion.registry` finds them all."""
