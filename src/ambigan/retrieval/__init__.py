"""Nearest neighbours by the features of a run, and near copies by the codes of an autoencoder."""

from .search import NamedExamples, SearchResult, novelty, search_similar, write_search_result

__all__ = ["NamedExamples", "SearchResult", "novelty", "search_similar", "write_search_result"]
