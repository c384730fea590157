"""The published reference run: its tables, the run itself, and what is wrong with it."""
