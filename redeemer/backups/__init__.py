"""`backup` and `restore`, which run PostgreSQL's own programs."""
