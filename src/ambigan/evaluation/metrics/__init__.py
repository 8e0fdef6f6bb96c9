"""Metrics of features, samples and reconstructions, as pure functions of tensors."""
