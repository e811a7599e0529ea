"""A small studio shoot, rendered as real DNG files."""
