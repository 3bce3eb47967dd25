-- setup_check: what events must not be trusted to a database without
SELECT
    current_setting('server_version_num')::bigint,
    current_setting('server_encoding'),
    pg_is_in_recovery(),
    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
