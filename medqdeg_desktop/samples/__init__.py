"""Phantoms in physical units and the built-in sample study."""
