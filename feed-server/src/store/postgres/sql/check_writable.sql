-- check_writable: an error where nothing can be written; begun and rolled back, it costs no sync
SELECT pg_current_xact_id()::text
