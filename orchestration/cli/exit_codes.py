"""Exit codes of the commands."""

DONE, FAILED, WRONG_USAGE, SOURCE_FAILED = 0, 1, 2, 3
