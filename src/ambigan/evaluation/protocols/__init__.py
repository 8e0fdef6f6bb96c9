"""Protocols by name. A name pins every constant; a changed constant is a new name."""

from .apply import check_views, run_classification, run_generation, run_reconstruction
from .classifiers import (
    linear_lbfgs,
    linear_lbfgs_1,
    linear_lbfgs_10,
    logistic_lbfgs,
    svm_l2,
    svm_l2_1000,
)
from .clustering import kmeans
from .neighbors import knn1_cosine, knn1_euclidean, knn_sweep, retrieval_cosine
from .reconstruction import reconstruction_l2
from .registry import PROTOCOLS, Protocol, Scores, Task, find_protocol
from .samples import generation_features, generation_inception

__all__ = [
    "PROTOCOLS",
    "Protocol",
    "Scores",
    "Task",
    "check_views",
    "find_protocol",
    "run_classification",
    "run_generation",
    "run_reconstruction",
]

for _each in (
    knn1_euclidean,
    knn1_cosine,
    logistic_lbfgs,
    reconstruction_l2,
    knn_sweep,
    linear_lbfgs,
    linear_lbfgs_10,
    linear_lbfgs_1,
    svm_l2,
    svm_l2_1000,
    kmeans,
    retrieval_cosine,
    generation_features,
    generation_inception,
):
    PROTOCOLS[_each.name] = _each
