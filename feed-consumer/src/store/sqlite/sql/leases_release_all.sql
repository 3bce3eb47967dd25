-- leases_release_all: whatever a worker holds is given back
UPDATE feed_shards SET holder = NULL, expires = 0 WHERE holder = ?1
