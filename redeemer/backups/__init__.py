"""What `backup` and `restore` are made of: PostgreSQL's own programs, and what a dump has to say about itself."""
