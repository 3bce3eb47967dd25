-- backup_into: writes all that the database holds, as it is at one moment, into the new file ?1
VACUUM INTO ?1
