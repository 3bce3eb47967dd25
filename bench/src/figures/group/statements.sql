-- statements: how many statements the group's database has executed
SELECT coalesce(sum(s.calls), 0)::float8
FROM pg_stat_statements s
JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = 'feed_group'
