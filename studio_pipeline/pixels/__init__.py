"""Pixel functions: numpy and OpenCV only, no input or output."""
