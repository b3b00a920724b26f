"""Adapters: one module or package per outside technology. Adapters do not import each other."""
