"""Bring the database that DATABASE_URL names to the newest schema."""

import sys

from app.kernel import config, logs
from app.migrations import runner

if __name__ == "__main__":
    try:
        settings = config.settings()
    except config.SettingsError as error:
        sys.exit(str(error))
    logs.configure(settings.log_level)
    runner.upgrade(settings.database_url)
