"""Migrations: numbered, readable SQL, run by `python -m app.migrations`."""
