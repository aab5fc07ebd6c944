"""A chain as every transport shows it: heights, hashes and days."""

from typing import Protocol

import numpy as np

from ingestion.bitcoin.networks import Network

SECONDS_A_DAY = 86_400


class ChainView(Protocol):
    """A chain at one moment, from genesis to its tip.

    Attributes:
        network: the network.
        tip_height: height of the last block.
        first_day: genesis' UTC day, in days since 1970.
        day_of_height: int32 by height, days since `first_day`: the UTC day of the greatest header time up to there.
    """

    @property
    def network(self) -> Network: ...

    @property
    def tip_height(self) -> int: ...

    @property
    def first_day(self) -> int: ...

    @property
    def day_of_height(self) -> np.ndarray: ...

    def block_hash(self, height: int) -> str:
        """Hash of the block at `height`, as displayed; IndexError above the tip."""
        ...

    def height_of(self, block_hash: str) -> int | None:
        """Height of the block of that hash, as displayed; None where the chain does not have it."""
        ...
