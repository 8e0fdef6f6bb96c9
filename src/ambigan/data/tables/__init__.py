"""Sources of vectors: arrays and tables, their columns and scaling."""
