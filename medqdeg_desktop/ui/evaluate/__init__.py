"""Evaluate: models asked about a set, and what came of it, in numbers with their n and their intervals."""
