"""How times are shown: short, sortable, and to the second, to compare them with a log."""
