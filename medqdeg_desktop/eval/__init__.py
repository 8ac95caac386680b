"""Models and what they answer: prompts, parsing, backends, the runner, confidence, calibration metrics, tables, report."""
