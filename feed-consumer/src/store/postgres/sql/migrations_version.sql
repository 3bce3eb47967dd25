-- migrations_version: the version of the schema, 0 before the first migration
SELECT coalesce(max(version), 0) FROM feed_consumer_migrations
