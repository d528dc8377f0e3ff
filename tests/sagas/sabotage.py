"""Steps in the wrong order, for the controls: what a crash between two of them would then cost."""

from __future__ import annotations

from typing import Any


def select_before_it_is_stored() -> None:
    """Ask for a place without having stored that we do."""
    from app.provider import places
    from app.provider.models import PlaceStatus

    store = places.store

    def forgetful(order: Any, row: Any, to: PlaceStatus) -> PlaceStatus:
        return to if to is PlaceStatus.ASKED else store(order, row, to)

    places.store = forgetful


def paid_before_it_is_asked_for() -> None:
    """Mark a refund as paid, then ask the gateway for it."""
    from app.payments import refunds

    give_back = refunds._give_back

    def hasty(refund: Any, payment: Any) -> None:
        refunds._store_paid(refund, actor="system", note="")
        give_back(refund, payment)

    refunds._give_back = hasty


def asked_before_it_is_stored() -> None:
    """Ask for a part of the money without having stored that we do."""
    from app.payments import refund_queries

    refund_queries.note = lambda *_: True


ORDERS = {
    order.__name__: order
    for order in (
        select_before_it_is_stored,
        paid_before_it_is_asked_for,
        asked_before_it_is_stored,
    )
}
