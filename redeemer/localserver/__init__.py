"""`make up`: runs PostgreSQL and Valkey from wheels, and supervises them and the application."""
