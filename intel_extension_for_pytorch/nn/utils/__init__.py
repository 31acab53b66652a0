"""Helpers of modules that other projects import by name."""
