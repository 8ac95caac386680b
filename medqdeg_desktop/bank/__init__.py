"""Question-answer items: importers, review rules, drawing and generation of the set, exporters."""
