"""D, G and E of every kind, and the layers they consist of."""
