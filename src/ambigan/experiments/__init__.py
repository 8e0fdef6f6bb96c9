"""Papers' tables, made again (`table`), and studies of methods side by side (`study`).

Both are made of planned runs, each trained and measured once, in a folder of its own.
"""

from .study import STUDIES, Arm, Study, compare, find_study, shared_folder
from .table import TABLES, Column, PaperTable, find_table, reproduce

__all__ = [
    "STUDIES",
    "TABLES",
    "Arm",
    "Column",
    "PaperTable",
    "Study",
    "compare",
    "find_study",
    "find_table",
    "reproduce",
    "shared_folder",
]
