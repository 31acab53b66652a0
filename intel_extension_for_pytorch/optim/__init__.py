"""What `ipex.optimize` does to optimizers."""
