"""Methods side by side on one set of data: what is studied, its runs, and what is written."""

from .catalogue import STUDIES, find_study
from .design import Arm, Study
from .planning import shared_folder
from .runner import compare

__all__ = ["STUDIES", "Arm", "Study", "compare", "find_study", "shared_folder"]
