"""One module per publisher, or per kind of file that users provide; `ingestion.registry` finds them all."""
