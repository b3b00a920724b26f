"""Delivery of notifications: destinations, retries, rate limits, subscribers."""
