"""Operators of large language models, as modules."""
