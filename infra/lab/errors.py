"""What goes wrong in a lab, in sentences for the person at the terminal."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the message says why and what to do."""
