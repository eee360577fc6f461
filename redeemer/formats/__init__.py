"""How moments are shown: short, sortable, and to the second, as one needs them to compare with a log."""
