"""What labels may say: kinds of entities, and licences."""

UNCLASSIFIED = "unclassified"
ENTITY_KINDS = (
    *("exchange", "bridge", "pool", "custodian"),
    *("wallet_service", "miner", "market", "gambling", "mixing_service", "service", UNCLASSIFIED),
)
"""What an entity may be: the project's own kinds, and those of TagPacks that are frequent."""

LICENCES = (
    *("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"),
    *("ODbL-1.0", "ODC-By-1.0", "fact", "own", "restricted"),
)
"""SPDX identifiers; a single fact that its source states; the user's own finding; terms that forbid passing it on."""
