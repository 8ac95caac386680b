"""Simulate degradations as their physics does: one file per physics, one class per type."""
