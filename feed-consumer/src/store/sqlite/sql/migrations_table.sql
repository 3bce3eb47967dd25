-- migrations_table: the record of the migrations that have run
CREATE TABLE IF NOT EXISTS feed_consumer_migrations (
    -- The schema version that the migration leads to: 1, 2, 3 ...
    version INTEGER PRIMARY KEY,
    -- What people call it.
    name TEXT NOT NULL,
    -- When it ran, in microseconds since the Unix epoch.
    applied INTEGER NOT NULL
) STRICT
