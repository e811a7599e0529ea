"""The versions that decide pixels; they stand in every key and every record."""

from __future__ import annotations

from importlib.metadata import version

# opencv-contrib-python stands for all four OpenCV packages: they share one folder and must be of one version.
_DECIDING = (
    "rawpy",
    "opencv-contrib-python",
    "numpy",
    "scipy",
    "mediapipe",
    "pillow",
    "tifffile",
    "imagecodecs",
)


def deciding_versions() -> dict[str, str]:
    """Name to version of every library whose change may change a pixel, read without importing any."""
    from studio_pipeline import __version__

    return {"studio-pipeline": __version__, **{name: version(name) for name in _DECIDING}}
