"""The index of unpaid bookings in the order in which they run out.

Revision ID: 0010
Revises: 0009

Whoever ends what has run out reads what is due then, and not every unpaid booking each time.
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    _index("expires_at, event_id")


def downgrade() -> None:
    _index("event_id, expires_at")


def _index(columns: str) -> None:
    op.execute(f"""
        DROP INDEX bookings_unpaid;
        CREATE INDEX bookings_unpaid ON bookings ({columns})
            WHERE status IN ('CREATED', 'PAYMENT_INITIATED');
    """)
