"""Rules, the conditions of their levels, and the episodes that follow from them."""
