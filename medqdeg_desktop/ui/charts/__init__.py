"""Charts of ``chart.figure`` drawn by Qt: on the screen, as files and in the printed report."""
