"""The session folder, its catalog and its cache."""
