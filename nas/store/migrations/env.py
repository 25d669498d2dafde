"""What Alembic runs: the migrations, in the transaction that `schema.upgrade` opened."""

from alembic import context

from nas.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True
)
context.run_migrations()
