"""Texts of alerts and replies, by language."""
