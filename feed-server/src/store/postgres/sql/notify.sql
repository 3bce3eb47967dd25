-- notify: tells the other servers of the database that there is something new; $1 the channel, $2 who says it
SELECT pg_notify($1, $2)
