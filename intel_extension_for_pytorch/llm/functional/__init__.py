"""Operators of large language models, as functions."""
