"""Writing questions about the pictures that are open."""
