"""RAW, TIFF and JPEG files to bases; the one user of LibRaw.

>>> exposure = describe(path)
>>> jpeg = embedded_preview(path, Role.RAW)
>>> frame, record = develop(path, Role.RAW, DevelopSettings(), half=True)
>>> master, record = develop(path, Role.RAW, DevelopSettings(), half=False, look=record.look)
"""

import logging

from studio_pipeline.develop.base import develop, embedded_preview
from studio_pipeline.develop.cache import load_frame, save_frame
from studio_pipeline.develop.metadata import describe

__all__ = ["describe", "develop", "embedded_preview", "load_frame", "save_frame"]

# What these two find wrong in a file becomes an error of ours, in one line; theirs would stand beside it.
for _library in ("tifffile", "exifread"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)
