"""`make up`: PostgreSQL and Valkey from wheels, and a supervisor for them and the application."""
