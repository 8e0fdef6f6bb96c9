"""Folders in the layout of PASCAL VOC: reading them, and VOC's measures."""

from .dataset import VocData, VocExample, open_voc
from .layout import Task

__all__ = ["Task", "VocData", "VocExample", "open_voc"]
