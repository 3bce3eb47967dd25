-- migrations_schema: the schema in which tables are created; NULL where the search path names none
SELECT current_schema()
