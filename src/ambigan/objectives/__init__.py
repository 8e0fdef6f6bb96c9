"""Loss terms: pure functions of what networks return."""
