-- watch_version: a number that differs once another connection has committed
PRAGMA data_version
