-- setup_wal: turns on the write-ahead log; answers with the journal mode that took effect
PRAGMA journal_mode = wal
