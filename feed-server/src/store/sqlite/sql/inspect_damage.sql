-- inspect_damage: the first thing that is wrong with tables, rows and indexes, or 'ok'
PRAGMA integrity_check(1)
