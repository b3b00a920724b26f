"""Rates of alert levels over history, and levels fitted to a target rate."""
