"""Generate: from accepted questions and levels to a degraded set, planned in numbers before anything runs."""
