"""`make run`: PostgreSQL, migrations, data, gunicorn, worker and gateway on this machine."""

from __future__ import annotations

import sys

from app.local.run import main

if __name__ == "__main__":
    sys.exit(main())
