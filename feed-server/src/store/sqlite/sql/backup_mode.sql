-- backup_mode: "delete" where a file has no log
PRAGMA journal_mode
