"""Errors that end a build."""


class BuildBroken(Exception):
    """The warehouse's structure broke: keys, contracts, identities or dbt itself; nothing is published."""
