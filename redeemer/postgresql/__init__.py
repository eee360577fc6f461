"""Django's PostgreSQL engine, with what this project needs of each connection: see `base`."""
