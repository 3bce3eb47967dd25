-- begin_for_handlers: begins a transaction at the database's own isolation level; each commit is synced to disk
BEGIN;
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'
