-- append_subjects: takes the locks of subjects where no transaction that publishes for them is open, and does not wait; $1 the keys of the locks
SELECT
    wanted.number - 1,
    pg_try_advisory_xact_lock(wanted.key)
FROM unnest($1::bigint []) WITH ORDINALITY AS wanted (key, number)
