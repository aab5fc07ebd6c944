"""The venues with a stream, by name."""

from ingestion.streams import binance, bybit, okx
from ingestion.streams.venue import Venue

VENUES: dict[str, Venue] = {venue.name: venue for venue in (binance.VENUE, bybit.VENUE, okx.VENUE)}
