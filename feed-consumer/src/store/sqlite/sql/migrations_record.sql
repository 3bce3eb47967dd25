-- migrations_record: a migration has run
INSERT INTO feed_consumer_migrations (version, name, applied)
VALUES (?1, ?2, CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000)
