"""Lots of tokens that nothing is kept of, matched first in, first out by compiled code."""
