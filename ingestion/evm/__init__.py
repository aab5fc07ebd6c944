"""Account chains: token transfers, liquidations and a vault's movements, from a node's logs."""
