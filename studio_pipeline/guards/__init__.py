"""Guards: one file per check, each a number with a limit."""
