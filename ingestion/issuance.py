"""How many bitcoins there can be by a day: the schedule of the subsidy on main, as blocks came."""

from datetime import date

MOST_COINS = 21_000_000
"""Coins that there will ever be."""

HALVINGS = (
    (date(2012, 11, 28), 10_500_000),
    (date(2016, 7, 9), 15_750_000),
    (date(2020, 5, 11), 18_375_000),
    (date(2024, 4, 20), 19_687_500),
)
"""UTC days of the block that first had half the subsidy, and the coins issued before it. A recorded series of supply
comes to each of these numbers on that very day."""
