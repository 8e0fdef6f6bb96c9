"""Papers' tables, made again: what they are (tables), their cells (cells), and what is written."""

from .run import reproduce
from .tables import TABLES, Column, PaperTable, find_table

__all__ = ["TABLES", "Column", "PaperTable", "find_table", "reproduce"]
