"""A local page to look around in what a model has learned; its server needs the extra `explore`."""

from .atlas import write_atlas
from .collection import MOST_SHOWN, Collection, first_of

__all__ = ["MOST_SHOWN", "Collection", "first_of", "write_atlas"]
