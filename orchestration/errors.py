"""Errors that end a build."""


class BuildFailed(Exception):
    """The warehouse's structure broke: keys, contracts, identities or dbt itself; nothing is published."""


class SupersetRefused(Exception):
    """A Superset server cannot be reached, or answered with an error; what it did before that stays."""
