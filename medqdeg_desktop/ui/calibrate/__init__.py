"""The Calibrate workspace: a reader confirms clean pictures and fixes what L1 and L2 mean for each type and modality."""
