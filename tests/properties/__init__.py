"""Properties: what holds whatever happens, and in whatever order it happens."""
