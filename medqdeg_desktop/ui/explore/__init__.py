"""Explore: the pictures of a dataset folder as a wall with filters, and one item large."""
