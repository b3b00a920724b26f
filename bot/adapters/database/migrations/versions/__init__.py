"""One step of the tables a file; each names the one before it."""
