"""The files below a URL, read through fsspec."""

from __future__ import annotations

from ...core.errors import DataError
from ..file_kinds import NUM_BYTES
from ..remote import Place
from .archives import shown
from .listing import Listing


def list_url(url: str) -> Listing:
    """Lists the files below a URL, whose contents are read when they are needed.

    Raises:
        ConfigError: The URL cannot be opened, see `Place.at`.
        DataError: There is no file there.
    """
    place = Place.at(url)
    found = place.names()
    if not found:
        raise DataError(f"there is no file below {url}; a folder of images was expected.")
    names, _, num_hidden = shown(found)

    def content(number: int) -> bytes:
        with place.open(names[number]) as file:
            return file.read()

    def first_bytes(number: int) -> bytes:
        try:
            with place.open(names[number]) as file:
                return file.read(NUM_BYTES)
        except DataError:
            return b"\0"

    return Listing(url, names, content, first_bytes, (), num_hidden)
