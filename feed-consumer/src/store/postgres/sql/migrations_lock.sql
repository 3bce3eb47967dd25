-- migrations_lock: one program at a time changes the tables of a schema; $1 the key of the lock
SELECT pg_advisory_xact_lock($1)
