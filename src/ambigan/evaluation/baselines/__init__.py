"""What every result is compared with: raw values, PCA, and stand-ins for samples."""
