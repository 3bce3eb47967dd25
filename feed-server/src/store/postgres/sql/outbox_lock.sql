-- outbox_lock: the turn of a transaction to publish for a subject, until it ends; $1 the key of the lock
SELECT pg_advisory_xact_lock($1)
