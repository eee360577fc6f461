"""Django's PostgreSQL, with what this project needs of each connection: see `base`."""
