"""How fast, how big, how true: figures beside named peers, all of one run. `python -m benchmarks --help`."""
