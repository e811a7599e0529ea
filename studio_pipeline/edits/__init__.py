"""Edits: one file each, plan and render."""
