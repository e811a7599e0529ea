"""Studio Pipeline: tethered ingest, background extension and bounded retouch, with proof."""

__version__ = "0.1.0"
