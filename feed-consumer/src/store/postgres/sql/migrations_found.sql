-- migrations_found: whether there is a record of migrations
SELECT to_regclass('feed_consumer_migrations') IS NOT NULL
