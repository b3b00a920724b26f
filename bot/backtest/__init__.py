"""Replay of rules over recorded history, and hypothetical moves."""
