"""Queries that read the database for pages, commands and exports."""
