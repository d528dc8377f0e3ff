"""Money is an integer of minor units (tiyn, 1/100 tenge) beside its currency, never a float."""

from __future__ import annotations


def decimal_string(minor: int) -> str:
    """Minor units as the decimal string of the contract: 4000000 is "40000.00"."""
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{minor // 100}.{minor % 100:02d}"
