-- setup_wal: turns on the write-ahead log; answers with the journal mode that is in force then
PRAGMA journal_mode = WAL
