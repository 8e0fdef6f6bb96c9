"""The flags of each verb."""
