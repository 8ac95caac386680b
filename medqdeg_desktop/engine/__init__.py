"""Pixels only: read an image, degrade it, write it. No Qt, no database, no model.

Public names are imported from their modules; importing the package itself stays cheap (no scipy, pydicom or SimpleITK).
"""
