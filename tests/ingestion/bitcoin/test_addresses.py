"""Addresses and their scripts: the vectors of BIP-173 and BIP-350, and some of Base58Check."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.bitcoin.addresses import BASE58, BECH32, canonical, to_script

GENESIS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
WITNESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


@pytest.mark.parametrize(
    ("address", "network", "script"),
    [
        (GENESIS, "main", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"),
        ("3P14159f73E4gFr7JterCCQh9QjiTjiZrG", "main", "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87"),
        ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "testnet4", "76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac"),
        ("2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc", "regtest", "a9144e9f39ca4688ff102128ea4ccda34105324305b087"),
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "main", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", "signet",
         "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"),
        ("bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y", "main",
         "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6"),
        ("BC1SW50QGDZ25J", "main", "6002751e"),
        ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "main", "5210751e76e8199196d454941c45d1b3a323"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", "main",
         "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
    ],
)  # fmt: skip
def test_an_address_stands_for_its_script(address, network, script):
    assert to_script(address, network).hex() == script


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut", "no address of Bitcoin"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", r"\(Bech32m\) does not fit"),
        ("BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", r"\(Bech32m\) does not fit"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", r"\(Bech32\) does not fit"),
        ("bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "no address of Bitcoin"),
        ("BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", "no address of Bitcoin"),
        ("bc1pw5dgrnzv", "no address of Bitcoin"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav", "no address of Bitcoin"),
        ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "no address of Bitcoin"),
        ("tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq", "mixes small and capital letters"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", "no address of Bitcoin"),
        ("tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j", "no address of Bitcoin"),
        ("bc1gmk9yu", "no address of Bitcoin"),
        ("bc1", "no address of Bitcoin"),
        ("", "no address of Bitcoin"),
        ("1" * 24, "no address of Bitcoin"),
        ("1" * 25, r"\(Base58Check\) does not fit"),
        ("0xfa8e3920daf271dab92be9b87d9998ddd94fef08", "no address of Bitcoin"),
        (GENESIS.lower(), "no address of Bitcoin"),
        ("1" + GENESIS, "no address of Bitcoin"),
        ("z" * 5_000_000, "no address of Bitcoin"),
        (GENESIS[:-1] + "b", r"\(Base58Check\) does not fit"),
        ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "no address of the network main"),
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", "no address of the network main"),
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address, problem):
    with pytest.raises(ValueError, match=problem):
        to_script(address, "main")


def test_witness_programs_are_stored_in_small_letters_and_others_as_they_are():
    assert canonical(WITNESS.upper(), "main") == WITNESS
    assert canonical(GENESIS, "main") == GENESIS


@given(st.sampled_from([(GENESIS, BASE58), (WITNESS, BECH32)]), st.data())
def test_one_wrong_letter_is_always_seen(good, data):
    address, letters = good
    at = data.draw(st.integers(0, len(address) - 1))
    letter = data.draw(st.sampled_from([each for each in letters if each != address[at]]))
    with pytest.raises(ValueError, match="address"):
        to_script(address[:at] + letter + address[at + 1 :], "main")
