"""Reading the database for pages, commands and exports alike."""
