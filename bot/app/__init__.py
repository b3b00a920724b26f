"""Wiring of the process: every part is made here and given what it needs."""
