"""Studio Pipeline: tethered ingest, background extension and bounded retouch, with proof."""

import os

__version__ = "0.2.0.dev0"

# Before anything imports numpy. How a product of matrices rounds depends on how many threads it is split
# over, and a picture has to be the same to the last bit on every machine; tiles have threads of their own.
for _name in ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_name] = "1"
