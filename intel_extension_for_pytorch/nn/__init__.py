"""What `ipex.optimize` does to modules."""
