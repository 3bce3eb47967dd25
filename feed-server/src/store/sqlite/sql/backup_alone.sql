-- backup_alone: moves the log into the database and gives it up, for which nobody else may use the file
PRAGMA journal_mode = DELETE
