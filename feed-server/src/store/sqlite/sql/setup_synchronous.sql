-- setup_synchronous: when the file is synced; 2 is FULL
PRAGMA synchronous
