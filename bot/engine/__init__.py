"""Loop 1: the scheduled price check, from the sessions that are due to the notifications that are stored."""
