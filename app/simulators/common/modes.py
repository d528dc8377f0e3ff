"""The two ways in which an outside service can be played."""

from enum import StrEnum


class Mode(StrEnum):
    """Whether a service behaves as its documentation says or as its code does."""

    DOCUMENTED = "documented"
    CODED = "coded"
