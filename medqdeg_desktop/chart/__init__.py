"""A chart as data, and as SVG: what the tables of an evaluation and the evidence of a calibration are both drawn with."""
