"""Papers' tables, made again: what they are, their cells, and what is written of them."""

from .papers import TABLES, Column, PaperTable, find_table
from .runner import reproduce

__all__ = ["TABLES", "Column", "PaperTable", "find_table", "reproduce"]
