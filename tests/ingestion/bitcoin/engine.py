"""Bitcoin Core's own engine (py-bitcoinkernel) as the oracle: it validates a chain and lists what each block spent."""

from pathlib import Path

import pbk

from ingestion.sample.regtest import Block


class Engine:
    """A node's engine on regtest with its data in `datadir`, which it locks until `close`."""

    def __init__(self, datadir: Path, chain_type: pbk.ChainType = pbk.ChainType.REGTEST):
        datadir.mkdir(parents=True, exist_ok=True)
        self.manager = pbk.load_chainman(datadir, chain_type)

    def add(self, block: Block) -> None:
        """Process a block; one that is invalid by itself raises, one that does not connect shows in `hashes`."""
        self.manager.process_block(pbk.Block(block.serialized))

    def hashes(self) -> list[bytes]:
        """Block hashes of the active chain by height."""
        return [bytes(entry.block_hash) for entry in self.manager.get_active_chain().block_tree_entries]

    def spent(self) -> list[list[tuple[int, int, bool]]]:
        """(birth height, satoshi, is coinbase) of each coin spent, by height of the active chain."""
        outputs = self.manager.block_spent_outputs
        entries = self.manager.get_active_chain().block_tree_entries
        return [[], *(self._coins(outputs[entry]) for entry in list(entries)[1:])]

    def _coins(self, outputs: pbk.BlockSpentOutputs) -> list[tuple[int, int, bool]]:
        return [
            (coin.confirmation_height, coin.output.amount, coin.is_coinbase)
            for transaction in outputs.transactions
            for coin in transaction.coins
        ]
