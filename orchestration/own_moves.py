"""A user's own moves inside one owner: the columns of their file, and what its rows have to agree with."""

from collections.abc import Iterable
from decimal import Decimal

from ingestion.errors import UsageError
from orchestration.configuration.cells import Column, Place, day, matching, one_of
from orchestration.seeds import Row

KINDS = ("same_owner", "custodian_change", "seizure", "owner_change_no_sale", "owner_unknown", "sale")

COINS = matching(r"[0-9]{1,18}(\.[0-9]{1,8})?", "an amount of coins such as 12.5, with up to 8 digits after the point")
NAME = matching(r"\S{1,60}", "a name of up to 60 characters without spaces")
TEXT = matching(r"[^\x00-\x1f\x7f]{1,500}", "a text of up to 500 characters")

COLUMNS = {
    "asset": Column(NAME, "BTC"),
    "network": Column(NAME, "main"),
    "move_id": Column(NAME, ""),
    "move_date": Column(day),
    "amount_native": Column(COINS, ""),
    "lth_low_native": Column(COINS, "0"),
    "lth_high_native": Column(COINS, ""),
    "kind": Column(one_of(*KINDS), "same_owner"),
    "owner": Column(TEXT),
    "confidence": Column(TEXT, ""),
    "source_url": Column(TEXT, ""),
    "continues_move_id": Column(NAME, ""),
}
FORMER_NAMES = {"source": "source_url"}
"""Columns of files for earlier versions. These had no name, kind and bounds either: such a row is a move inside one
owner, of which anything between nothing and the whole amount was long-term."""
KEYS = (("asset", "network", "move_id", "move_date"), ("asset", "network", "move_date", "owner"))


def completed(where: Place, row: Row) -> Row:
    """A row with the name and the bounds that it leaves out.

    Raises:
        UsageError: nothing says how many coins moved, or a bound is beyond the other or the amount.
    """
    high = row["lth_high_native"] or row["amount_native"]
    if not high:
        raise UsageError(f"{where}: how many coins moved is missing: write amount_native or lth_high_native.")
    if Decimal(row["lth_low_native"]) > Decimal(high):
        raise UsageError(f"{where}: lth_low_native is '{row['lth_low_native']}': write no more than {high}, the most.")
    if row["amount_native"] and Decimal(high) > Decimal(row["amount_native"]):
        raise UsageError(f"{where}: lth_high_native is '{high}': write no more than amount_native.")
    name = row["move_id"] or f"{'-'.join(row['owner'].lower().split())}-{row['move_date']}"[-60:]
    return row | {"lth_high_native": high, "move_id": name}


def check_continued(lines: Iterable[tuple[Place, Row]], project: Iterable[Row]) -> None:
    """Check that what a row continues is a move of the same chain, all of it on earlier days.

    Raises:
        UsageError: it is not.
    """
    own = list(lines)
    days: dict[tuple[str, ...], list[str]] = {}
    for row in (*project, *(row for _, row in own)):
        days.setdefault((row["asset"], row["network"], row["move_id"]), []).append(row["move_date"])
    for where, row in own:
        if not row["continues_move_id"]:
            continue
        found = f"{where}: continues_move_id is '{row['continues_move_id']}'"
        continued = days.get((row["asset"], row["network"], row["continues_move_id"]))
        if not continued:
            raise UsageError(
                f"{found}: there is no such move of {row['asset']}, so write the name of one or leave it out."
            )
        if max(continued) >= row["move_date"]:
            raise UsageError(
                f"{found}, which is not over before {row['move_date']}: write the name of an earlier move."
            )
