"""The chat: requests of people and operators, their handlers, and loop 3, which answers them."""
