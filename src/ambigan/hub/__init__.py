"""Models on the Hugging Face hub: their card, how they are pushed, and how they are fetched."""

from __future__ import annotations

from .card import escape_markdown as escape_markdown
from .card import model_card as model_card
from .repository import PREFIX as PREFIX
from .repository import local_folder as local_folder
from .repository import name_of as name_of
from .repository import push as push
