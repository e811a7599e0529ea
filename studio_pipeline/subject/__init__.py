"""Faces and the person matte, and from them the zones; the one user of mediapipe."""
