"""Errors of builds, of `serve`, and of the recipe for Superset."""


class BuildFailed(Exception):
    """A key, a contract, an identity or dbt itself failed, or rows were lost; nothing is published."""


class ServeFailed(Exception):
    """A process of `serve` ended by itself or did not start; the others are ended."""


class SupersetRefused(Exception):
    """A Superset server cannot be reached, or answered with an error; earlier changes stay."""
