"""How fast, how big, how true: figures beside named peers, all of one run. `python -m benchmarks --help`."""

import studio_pipeline  # noqa: F401 - before numpy: it settles on how many threads algebra runs
