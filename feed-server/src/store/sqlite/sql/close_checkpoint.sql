-- close_checkpoint: moves the write-ahead log into the database file, and empties it
PRAGMA wal_checkpoint(TRUNCATE)
