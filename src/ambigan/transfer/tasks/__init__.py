"""What BiGAN's Table 3 measures a network by: classification, detection and segmentation."""

from .measure import measure_task
from .settings import ClassificationSettings, DetectionSettings, SegmentationSettings, task_settings

__all__ = [
    "ClassificationSettings",
    "DetectionSettings",
    "SegmentationSettings",
    "measure_task",
    "task_settings",
]
