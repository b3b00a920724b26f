"""The chat: requests of people and operators, handlers, and loop 3, the chat service."""
