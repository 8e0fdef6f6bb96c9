"""Measuring features and reconstructions by named protocols that pin every constant."""
