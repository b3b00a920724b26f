"""How does it all hang together?"""
