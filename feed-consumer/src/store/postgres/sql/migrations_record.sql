-- migrations_record: a migration has run
INSERT INTO feed_consumer_migrations (version, name, applied)
VALUES ($1, $2, CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint))
