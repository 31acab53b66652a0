"""The version: that of the PyTorch release this one is built for, and a label."""

__version__ = "2.13.0+xpu"
