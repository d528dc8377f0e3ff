"""Who changed which status, from what to what, and when: append-only."""

from __future__ import annotations

from app.kernel.db import Connection

_INSERT = """
    INSERT INTO audit_log (actor, action, entity, entity_id, from_status, to_status)
    VALUES (%(actor)s, %(action)s, %(entity)s, %(entity_id)s, %(from_status)s, %(to_status)s)
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
