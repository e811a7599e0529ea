"""Studio Pipeline: tethered ingest, background extension and bounded retouch, with proof."""

import os

__version__ = "0.1.0"

# Before anything imports numpy. Our matrices are small and tiles have threads of their own: threads of the
# algebra library would wait for each other, and split sums by the number of cores, which rounds differently.
for _name in ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")
