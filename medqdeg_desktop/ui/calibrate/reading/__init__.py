"""The reader study in the window: protocols, guided sessions, consensus."""
