"""What a run has learned: filters, latent arithmetic, removable features, inversion."""

from .feature_removal import (
    FeatureRemovalResult,
    FeatureRemovalSettings,
    remove_boxed_feature,
    remove_labelled_feature,
)
from .filters import Filters, read_filters
from .guided_gradients import GuidedGradients, read_guided_gradients
from .inversion_errors import compare_errors
from .latent_arithmetic import ArithmeticResult, Term, add_latents, draw_exemplars, latent_paths

__all__ = [
    "ArithmeticResult",
    "FeatureRemovalResult",
    "FeatureRemovalSettings",
    "Filters",
    "GuidedGradients",
    "Term",
    "add_latents",
    "compare_errors",
    "draw_exemplars",
    "latent_paths",
    "read_filters",
    "read_guided_gradients",
    "remove_boxed_feature",
    "remove_labelled_feature",
]
