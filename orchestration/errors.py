"""Errors of homes, builds, copies of them and `serve`, and of the recipe for Superset."""


class BuildFailed(Exception):
    """A key, a contract, an identity or dbt itself failed, or rows were lost; nothing is published."""


class PublishedDamaged(Exception):
    """A file of the published folder cannot be read, or is not as it was published."""


class CopyFailed(Exception):
    """A build could not be copied elsewhere; what readers see there stays as it was."""


class HomeBusy(Exception):
    """Another process held one of the home's locks for as long as was waited."""


class ServeFailed(Exception):
    """A process of `serve` ended by itself or did not start; the others are ended."""


class SupersetRefused(Exception):
    """A Superset server cannot be reached, or answered with an error; earlier changes stay."""
