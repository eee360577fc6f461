"""Django's PostgreSQL engine, adapted to what this project needs of a connection (see `base`)."""
