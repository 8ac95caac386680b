"""The window: one package per workspace, viewer, charts, printing, theme. The only package that imports Qt."""
