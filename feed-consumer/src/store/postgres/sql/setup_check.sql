-- setup_check: what cursors must not be trusted to a database without
SELECT
    current_setting('server_version_num')::bigint,
    current_setting('server_encoding'),
    pg_is_in_recovery()
