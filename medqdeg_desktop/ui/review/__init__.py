"""Review: keep or remove what was drawn for an item, keyboard first, blind to colleagues."""
