"""Charts of a fall."""
