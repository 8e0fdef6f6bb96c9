"""Features, reconstructions and samples, measured by protocols that pin every constant."""
