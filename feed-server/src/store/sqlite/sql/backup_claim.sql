-- backup_claim: keeps everybody else from reading and writing, while the file has no log
BEGIN EXCLUSIVE
