"""Weights of few bits for large language models."""
