"""Files beside a node that is asked which blocks are valid."""

import pytest
from node_folder import REGTEST, START, blocks_of, grown

from ingestion.bitcoin.files.chain import FileChain
from ingestion.sample.node_files import write_files
from ingestion.sample.regtest import Chain


@pytest.fixture(scope="module")
def chain() -> Chain:
    made = Chain.begin()
    made.mine(START)
    return grown(made, 29)


@pytest.fixture(scope="module")
def longer(chain) -> Chain:
    return grown(chain.fork(20), 14, b"invalid")


@pytest.fixture
def folder(tmp_path, chain, longer):
    arrived = [*chain.blocks, *longer.blocks[21:]]
    write_files(blocks_of(tmp_path), [arrived], [arrived])
    return tmp_path


class Followed:
    """A node's hashes by height, and how often it was asked."""

    def __init__(self, chain: Chain):
        self._hashes = [block.hash[::-1].hex() for block in chain.blocks]
        self.asked = 0

    def __call__(self, height: int) -> str | None:
        self.asked += 1
        return self._hashes[height] if height < len(self._hashes) else None


def tip(folder, hash_at=None) -> tuple[int, str]:
    found = FileChain(folder, REGTEST, hash_at=hash_at)
    return found.tip_height, found.block_hash(found.tip_height)


def last(chain: Chain) -> tuple[int, str]:
    return chain.tip.height, chain.tip.hash[::-1].hex()


def test_an_invalidated_branch_is_not_followed_though_it_has_more_work(folder, chain, longer):
    assert tip(folder) == last(longer)
    assert tip(folder, Followed(chain)) == last(chain)
    assert tip(folder, Followed(longer)) == last(longer)


@pytest.mark.parametrize("height", [0, 1, 19, 20, 25])
def test_files_end_where_the_node_does(folder, chain, height):
    node = Followed(chain.fork(height))
    assert tip(folder, node) == last(chain.fork(height))
    assert node.asked < 20


def test_files_that_are_older_than_the_node_end_where_they_leave_it(folder, chain):
    assert tip(folder, Followed(grown(chain.fork(30), 9))) == last(chain)
    assert tip(folder, Followed(grown(chain.fork(12), 40, b"other"))) == last(chain.fork(12))


def test_a_block_that_the_node_has_not_connected_is_left_out(tmp_path, chain, longer):
    arrived = [*chain.blocks, *longer.blocks[21:]]
    write_files(blocks_of(tmp_path), [arrived], [[*chain.blocks[:28], *longer.blocks[21:]]])
    found = FileChain(tmp_path, REGTEST, hash_at=Followed(chain))
    assert (found.tip_height, found.block_hash(27)) == last(chain.fork(27))
    assert "no undo record of the block at height 28" in found.remarks[0]
