"""What a user types as data, and how it is opened."""
