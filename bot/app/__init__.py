"""Wiring of the process: every part is made here, complete with all dependencies."""
