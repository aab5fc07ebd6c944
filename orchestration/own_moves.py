"""A user's own moves inside one owner: the columns of their file, and what its rows have to agree with."""

import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError
from ingestion.issuance import HALVINGS, MOST_COINS
from orchestration.configuration.cells import Column, Place, day, matching, one_of
from orchestration.configuration.choices import nearest
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
FIRST_BITCOIN, FIRST_ACCOUNTS = date(2009, 1, 3), date(2015, 7, 30)
"""Days of the first block of Bitcoin, and of Ethereum, the oldest of account chains."""
MAX_BLOCKS_A_DAY = 200
"""In the mean since a halving, of which 144 are meant: recorded supplies of 2011 to 2025 come to 171, in 2014."""
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


def check(lines: Iterable[tuple[Place, Row]], project: Iterable[Row], tokens: Iterable[Row]) -> None:
    """Check that each row can have been: a known asset, a day of its chain, coins that exist, a name of the user's own.

    Args:
        lines: the user's moves, their networks checked.
        project: the moves of the project's seed.
        tokens: the tokens of account chains that are known.

    Raises:
        UsageError: a row cannot have been, alone or with the others of its day, is one of the project's, or continues
            a move that is not there, not over, or of fewer coins.
    """
    own, theirs = list(lines), list(project)
    assets = {(network.asset, name) for name, network in NETWORKS.items()}
    assets |= {(row["asset"], row["network"]) for row in tokens}
    names = {(row["asset"], row["network"], row["move_id"]) for row in theirs}
    for where, row in own:
        known = [asset for asset, network in assets if network == row["network"]]
        if row["asset"] not in known:
            raise UsageError(f"{where}: asset is '{row['asset']}': {nearest(row['asset'], known)}.")
        _check_possible(where, row)
        if (row["asset"], row["network"], row["move_id"]) in names:
            raise UsageError(f"{where}: move_id is '{row['move_id']}', the project's: give yours another name.")
    _check_together(own, theirs)
    _check_continued(own, theirs)


def folded(owner: str) -> str:
    """An owner's name without what spellings of one name differ in: case, marks, and all but letters and digits."""
    plain = unicodedata.normalize("NFKD", owner).casefold()
    return "".join(letter for letter in plain if letter.isalnum()) or owner


def _check_possible(where: Place, row: Row) -> None:
    is_bitcoin = row["network"] in NETWORKS
    first, today = FIRST_BITCOIN if is_bitcoin else FIRST_ACCOUNTS, datetime.now(UTC).date()
    if not first <= date.fromisoformat(row["move_date"]) <= today:
        raise UsageError(f"{where}: move_date is '{row['move_date']}': write a day from {first} to today, {today}.")
    column = "amount_native" if row["amount_native"] else "lth_high_native"
    if is_bitcoin and Decimal(row[column]) > (most := _most_coins(row)):
        raise UsageError(
            f"{where}: {column} is '{row[column]}': there were never more than {most:,.0f} coins by {row['move_date']}."
        )


def _most_coins(row: Row) -> Decimal:
    """The most coins of a Bitcoin network that can have been issued by the end of a move's day."""
    if row["network"] != "main":
        return Decimal(MOST_COINS)
    day = date.fromisoformat(row["move_date"])
    begun = [era for era in ((FIRST_BITCOIN, 0), *HALVINGS) if era[0] <= day]
    since, issued = begun[-1]
    subsidy = Decimal(50) / 2 ** (len(begun) - 1)
    end = next((coins for halving, coins in HALVINGS if halving > day), MOST_COINS)
    return min(issued + MAX_BLOCKS_A_DAY * ((day - since).days + 1) * subsidy, Decimal(end))


def _coins(row: Row) -> Decimal:
    return Decimal(row["amount_native"] or row["lth_high_native"])


def _check_together(own: list[tuple[Place, Row]], project: list[Row]) -> None:
    """Check that a day's moves are no more than there was, and that none is the project's under another name."""
    days = _grouped([*project, *(row for _, row in own)], "move_date")
    theirs = _grouped(project, "move_date")
    for where, row in own:
        key = (row["asset"], row["network"], row["move_date"])
        for other in theirs.get(key, ()):
            if {_coins(row), Decimal(row["lth_high_native"])} & {_coins(other), Decimal(other["lth_high_native"])}:
                raise UsageError(
                    f"{where}: as many coins moved on {row['move_date']} by {other['move_id']} of the project's,"
                    f" of {other['owner']}: remove the row."
                )
        moved = sum(_coins(each) for each in days[key])
        if row["network"] in NETWORKS and moved > (most := _most_coins(row)):
            raise UsageError(
                f"{where}: the moves of {row['move_date']} are {moved:,} coins together: there were never more than"
                f" {most:,.0f} by then, so correct the amounts."
            )


def _check_continued(own: list[tuple[Place, Row]], project: list[Row]) -> None:
    """Check that what a row continues is a move of the same chain, on earlier days and of no fewer coins."""
    rows = [*project, *(row for _, row in own)]
    moves = _grouped(rows, "move_id")
    continuing = _grouped(rows, "continues_move_id")
    for where, row in own:
        if not row["continues_move_id"]:
            continue
        found = f"{where}: continues_move_id is '{row['continues_move_id']}'"
        key = (row["asset"], row["network"], row["continues_move_id"])
        continued = moves.get(key)
        if not continued:
            raise UsageError(
                f"{found}: there is no such move of {row['asset']}, so write the name of one or leave it out."
            )
        if max(each["move_date"] for each in continued) >= row["move_date"]:
            raise UsageError(
                f"{found}, which is not over before {row['move_date']}: write the name of an earlier move."
            )
        coins = sum(Decimal(each["amount_native"] or each["lth_high_native"]) for each in continued)
        taken = sum(Decimal(each["lth_low_native"]) for each in continuing[key])
        if taken > coins:
            raise UsageError(
                f"{found}, of {coins:,} coins, while {taken:,} at least are said to have moved on:"
                " lower lth_low_native or leave the name out."
            )


def _grouped(rows: Iterable[Row], column: str) -> dict[tuple[str, str, str], list[Row]]:
    grouped: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row["asset"], row["network"], row[column]), []).append(row)
    return grouped
