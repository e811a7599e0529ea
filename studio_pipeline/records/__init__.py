"""Frozen records: what crosses a boundary. One file a noun."""
