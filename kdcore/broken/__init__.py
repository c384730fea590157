"""Bugs that public distillation code has had, one file each; for one experiment alone.

A file holds the one piece of a run that is wrong, under the name and with the docstring of the
right one in :mod:`~kdcore.broken.right`: it is shown to a learner who is to find the bug. What the
bug is stands at the top of its file, which is not shown.
"""
