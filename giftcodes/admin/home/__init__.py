"""The first page: what needs you, what runs, the newest codes, and the pace of the games."""
