-- migrations_table: the record of the migrations that have run
CREATE TABLE feed_consumer_migrations (
    -- The schema version that the migration leads to: 1, 2, 3 ...
    version bigint PRIMARY KEY,
    -- What people call it.
    name text NOT NULL,
    -- When it ran, in microseconds since the Unix epoch.
    applied bigint NOT NULL
)
