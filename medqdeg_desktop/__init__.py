"""Degrade medical images, calibrate how severe is severe, and evaluate what models make of it."""

__version__ = "0.1.0"
