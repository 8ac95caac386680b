"""Arrays in, numbers out: bootstrap, agreement, psychometric curves, multiplicity."""
