"""Deliverables: one file per format."""
