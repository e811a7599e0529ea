"""Stages, the worker supervisor and verification."""
