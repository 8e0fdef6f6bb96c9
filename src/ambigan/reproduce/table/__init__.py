"""Papers' tables, made again: what they are, their cells, and what is written of them."""

from .making import reproduce
from .papers import TABLES, Column, PaperTable, find_table

__all__ = ["TABLES", "Column", "PaperTable", "find_table", "reproduce"]
