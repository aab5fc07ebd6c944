"""Facts of Bitcoin's networks, as Bitcoin Core's chain parameters state them."""

from dataclasses import dataclass

from ingestion.errors import UsageError

COIN = 100_000_000


@dataclass(frozen=True)
class Network:
    """One network of one asset.

    Attributes:
        name: as Bitcoin Core names the chain.
        asset: ticker of its coin.
        magic: begins each record of its files.
        genesis: hash of the first block, as displayed.
        halving_interval: blocks between halvings of the subsidy.
        folder: its data folder below the main network's.
        limit_bits: compact bits of the easiest proof of work.
        bech32_prefix: begins addresses of witness programs.
        key_hash_version, script_hash_version: first byte of other addresses.
        overwritten: heights whose coinbase a later one of the same txid replaced.
    """

    name: str
    asset: str
    magic: bytes
    genesis: str
    halving_interval: int
    folder: str
    limit_bits: int
    bech32_prefix: str
    key_hash_version: int
    script_hash_version: int
    overwritten: frozenset[int] = frozenset()

    def subsidy(self, height: int) -> int:
        """Satoshi that the block at `height` may create; halved every `halving_interval` blocks."""
        return (50 * COIN) >> (height // self.halving_interval)

    def is_unspendable(self, height: int) -> bool:
        """Whether the coinbase at `height` can never be spent: the genesis one, and those overwritten before BIP30."""
        return height == 0 or height in self.overwritten


NETWORKS = {
    network.name: network
    for network in (
        Network(
            "main",
            "BTC",
            bytes.fromhex("f9beb4d9"),
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
            210_000,
            "",
            0x1D00FFFF,
            bech32_prefix="bc",
            key_hash_version=0,
            script_hash_version=5,
            overwritten=frozenset({91_722, 91_812}),
        ),
        Network(
            "signet",
            "BTC",
            bytes.fromhex("0a03cf40"),
            "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
            210_000,
            "signet",
            0x1E0377AE,
            bech32_prefix="tb",
            key_hash_version=111,
            script_hash_version=196,
        ),
        Network(
            "testnet4",
            "BTC",
            bytes.fromhex("1c163f28"),
            "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
            210_000,
            "testnet4",
            0x1D00FFFF,
            bech32_prefix="tb",
            key_hash_version=111,
            script_hash_version=196,
        ),
        Network(
            "regtest",
            "BTC",
            bytes.fromhex("fabfb5da"),
            "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
            150,
            "regtest",
            0x207FFFFF,
            bech32_prefix="bcrt",
            key_hash_version=111,
            script_hash_version=196,
        ),
    )
}


def check_network(network: str) -> None:
    """Raise UsageError where there is no such network."""
    if network not in NETWORKS:
        raise UsageError(f"There is no network '{network}': choose one of {', '.join(NETWORKS)}.")
