-- begin: begins a transaction; its settings end with it, so that a connection pooler may hand the session on. Each commit is synced to disk; whoever stops half way does not hold the cursor for long
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '15s';
SET LOCAL idle_in_transaction_session_timeout = '5s'
