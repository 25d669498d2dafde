"""The schema of the database, from its first version to the newest (Alembic). Part of what is installed."""
