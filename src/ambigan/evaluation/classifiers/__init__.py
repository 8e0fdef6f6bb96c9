"""Linear classifiers of fixed features, and the choice of their constants."""
