"""HTTP once, under the clients of publishers, of Bitcoin nodes and of providers of account chains."""
