"""Coins of chains by age, added up by compiled code in one pass over the coin flow."""
