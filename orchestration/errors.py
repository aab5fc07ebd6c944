"""Errors of builds, and of the recipe for Superset."""


class BuildFailed(Exception):
    """A key, a contract, an identity or dbt itself failed, or rows were lost; nothing is published."""


class SupersetRefused(Exception):
    """A Superset server cannot be reached, or answered with an error; earlier changes stay."""
