"""The experiment's results beside the paper's: tables, plots, galleries and one page (`python -m train report`)."""
