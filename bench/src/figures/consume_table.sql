-- consume_table: a table of a handler's
CREATE TABLE IF NOT EXISTS handled (id TEXT NOT NULL, data BLOB)
