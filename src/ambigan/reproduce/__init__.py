"""Papers' tables, made again (tables, run), and studies of methods (studies, comparing).

Both are made of planned runs, each trained and measured once, in a folder of its own.
"""

from .comparing import compare
from .run import reproduce
from .studies import STUDIES, Study, find_study
from .tables import TABLES, Column, PaperTable, find_table

__all__ = [
    "STUDIES",
    "TABLES",
    "Column",
    "PaperTable",
    "Study",
    "compare",
    "find_study",
    "find_table",
    "reproduce",
]
