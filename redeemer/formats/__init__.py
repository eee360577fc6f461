"""How times are shown: short, sortable, and to the second, for the comparison with a log."""
