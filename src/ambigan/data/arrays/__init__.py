"""Arrays in memory and in files, as images or vectors."""
