"""Tags for the frame around each page."""
