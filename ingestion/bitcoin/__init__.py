"""Bitcoin from a node: its block and undo files, its RPC, its snapshots."""
