"""Why a release cannot be built or used."""


class ReleaseError(Exception):
    """One sentence for the person at the terminal."""
