"""Headers kept from one run to the next: fewer reads, and never another result."""

import dataclasses
import os
import time
from collections import Counter

import pytest
from node_folder import KEY, REGTEST, START, blocks_of, grown

from ingestion.bitcoin.errors import WrongNetwork
from ingestion.bitcoin.files import block_files, kept_headers
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.files.kept_headers import KeptHeaders
from ingestion.bitcoin.networks import NETWORKS
from ingestion.sample.node_files import masked, write_files
from ingestion.sample.regtest import Chain

PREFIX_AND_HEADER = 88


@pytest.fixture(scope="module")
def chain() -> Chain:
    made = Chain.begin()
    made.mine(START)
    return grown(made, 29)


@pytest.fixture
def folder(tmp_path, chain):
    write_files(blocks_of(tmp_path), [chain.blocks[:12], chain.blocks[12:20], chain.blocks[20:]], key=KEY)
    settle(tmp_path)
    return tmp_path


def settle(folder) -> None:
    """Let the files look as if nobody had written them for a while."""
    for path in blocks_of(folder).glob("*.dat"):
        os.utime(path, (START, START))


def opened(folder, network=REGTEST) -> list[str]:
    """The hashes of the chain, read with what is kept."""
    found = FileChain(folder, network, kept=KeptHeaders(folder / "kept"))
    return [found.block_hash(height) for height in range(found.tip_height + 1)]


def hashes(chain: Chain) -> list[str]:
    return [block.hash[::-1].hex() for block in chain.blocks]


@pytest.fixture
def reads(monkeypatch) -> Counter:
    """How many headers were looked at in which file."""
    counted, read = Counter(), os.pread

    def pread(fd, size, at):
        if size == PREFIX_AND_HEADER:
            counted[os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))] += 1
        return read(fd, size, at)

    monkeypatch.setattr(block_files.os, "pread", pread)
    return counted


def test_a_further_run_looks_at_no_header_again(folder, chain, reads):
    assert opened(folder) == hashes(chain)
    assert sum(reads.values()) >= 31
    reads.clear()
    assert opened(folder) == hashes(chain)
    assert not reads


def test_only_files_that_changed_are_read_again(folder, chain, reads):
    opened(folder)
    reads.clear()
    longer = grown(chain.fork(30), 3)
    write_files(blocks_of(folder), [longer.blocks[:12], longer.blocks[12:20], longer.blocks[20:]], key=KEY)
    for number in (0, 1):
        os.utime(blocks_of(folder) / f"blk{number:05}.dat", (START, START))
    assert opened(folder) == hashes(longer)
    reads.clear()
    assert opened(folder) == hashes(longer)
    assert set(reads) == {"blk00002.dat"}  # written a moment ago, so that it may change within a tick of the clock


def test_a_file_of_the_same_length_and_time_is_told_apart(folder, chain):
    opened(folder)
    other = grown(chain.fork(20), 10, b"other")
    assert len(other.tip.serialized) == len(chain.tip.serialized) + len(b"other")
    path = blocks_of(folder) / "blk00002.dat"
    before = path.stat()
    undo = path.with_name("rev00002.dat").read_bytes()
    write_files(blocks_of(folder), [chain.blocks[:12], chain.blocks[12:20], chain.blocks[20:29]], key=KEY)
    path.with_name("rev00002.dat").write_bytes(undo)
    with path.open("ab") as file:
        file.write(bytes(before.st_size - path.stat().st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    # Without looking again the lost block would still be there, and end the chain.
    assert "has the coins spent by the block at height 29" in failure(lambda: opened(folder))


def failure(call) -> str:
    try:
        call()
    except Exception as error:
        return str(error)
    return ""


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff" * 40, b"[1]\n" + bytes(88), b"null\n"])
def test_what_is_kept_and_damaged_is_read_anew(folder, chain, reads, damage):
    opened(folder)
    for path in (folder / "kept").iterdir():
        path.write_bytes(damage)
    reads.clear()
    assert opened(folder) == hashes(chain)
    assert sum(reads.values()) >= 31
    reads.clear()
    assert opened(folder) == hashes(chain)
    assert not reads


def test_any_byte_of_it_that_is_flipped_or_cut_changes_nothing(folder, chain):
    opened(folder)
    path = folder / "kept" / "blk00001.headers"
    whole = path.read_bytes()
    for at in range(0, len(whole), 13):
        for spoilt in (whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], whole[:at]):
            path.write_bytes(spoilt)
            assert opened(folder) == hashes(chain)


def test_what_was_kept_of_one_file_is_not_taken_for_anothers(folder, chain):
    opened(folder)
    one, other = (folder / "kept" / f"blk{number:05}.headers" for number in (0, 1))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert opened(folder) == hashes(chain)


def test_another_network_or_key_is_not_taken_from_what_is_kept(folder):
    opened(folder)
    with pytest.raises(WrongNetwork):
        opened(folder, dataclasses.replace(NETWORKS["signet"], folder="regtest"))
    (blocks_of(folder) / "xor.dat").write_bytes(bytes(8))
    with pytest.raises(WrongNetwork):
        opened(folder)


def test_a_file_written_a_moment_ago_is_not_kept(folder, chain, reads, monkeypatch):
    for path in blocks_of(folder).glob("*.dat"):
        os.utime(path)
    opened(folder)
    assert not list(folder.glob("kept/*"))
    monkeypatch.setattr(kept_headers.time, "time_ns", lambda: time.monotonic_ns() + 10**20)
    opened(folder)
    assert len(list(folder.glob("kept/*"))) == 3


def test_no_room_to_keep_it_is_no_failure(folder, chain):
    (folder / "kept").write_text("a file where the folder would be")
    assert opened(folder) == hashes(chain)


def test_a_gap_is_kept_too(folder, chain, reads):
    plain = masked((blocks_of(folder) / "blk00001.dat").read_bytes(), KEY)
    (blocks_of(folder) / "blk00001.dat").write_bytes(masked(bytes(37) + plain, KEY))
    settle(folder)
    assert opened(folder) == hashes(chain)
    reads.clear()
    assert opened(folder) == hashes(chain)
    assert not reads
