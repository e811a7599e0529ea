"""What tests of the pipeline share."""

from tests.support.finished import Finished, hashes

__all__ = ["Finished", "hashes"]
