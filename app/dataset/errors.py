"""How an import ends when it does not end well."""

from __future__ import annotations


class Refused(Exception):
    """Nothing has been changed, and the sentence says why."""


class Broken(Exception):
    """A file that cannot be read to its end; what came before stays imported."""
