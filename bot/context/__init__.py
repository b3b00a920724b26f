"""Context of an alert: contributions, breadth, contrast, history, headlines."""
