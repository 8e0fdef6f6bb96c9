"""Errors, files, randomness, processes, settings, registries and plugins, for every floor."""
