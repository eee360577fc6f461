"""Django's PostgreSQL engine with the connections that this project needs (see `base`)."""
