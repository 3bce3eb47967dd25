-- migrations_touch: a write that changes nothing, to see whether writes are accepted
UPDATE feed_migrations SET name = name WHERE version = 1
