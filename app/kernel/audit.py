"""Who changed which status, from what to what, and when: append-only."""

from __future__ import annotations

from collections.abc import Sequence

from app.kernel.db import Connection

_INSERT = """
    INSERT INTO audit_log (actor, action, entity, entity_id, from_status, to_status)
    VALUES (%(actor)s, %(action)s, %(entity)s, %(entity_id)s, %(from_status)s, %(to_status)s)
"""
_INSERT_ALL = """
    INSERT INTO audit_log (actor, action, entity, entity_id, from_status, to_status)
    SELECT %(actor)s, %(action)s, %(entity)s, entity_id, %(from_status)s, %(to_status)s
    FROM unnest(%(entity_ids)s::bigint[]) AS entity_id
"""


def record(
    db: Connection,
    *,
    actor: str,
    action: str,
    entity: str,
    entity_id: int,
    from_status: str | None,
    to_status: str,
) -> None:
    """Write one line of the audit log in the caller's transaction."""
    db.execute(
        _INSERT,
        {
            "actor": actor,
            "action": action,
            "entity": entity,
            "entity_id": entity_id,
            "from_status": from_status,
            "to_status": to_status,
        },
    )


def record_all(
    db: Connection,
    *,
    actor: str,
    action: str,
    entity: str,
    entity_ids: Sequence[int],
    from_status: str,
    to_status: str,
) -> None:
    """Write one line each for several that changed alike, in the caller's transaction."""
    db.execute(
        _INSERT_ALL,
        {
            "actor": actor,
            "action": action,
            "entity": entity,
            "entity_ids": list(entity_ids),
            "from_status": from_status,
            "to_status": to_status,
        },
    )
