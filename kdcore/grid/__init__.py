"""An experiment over a grid of settings and many seeds: ``python -m kdcore grid``.

Read :mod:`~kdcore.grid.plan` first (what is to be trained), then :mod:`~kdcore.grid.work` (how),
:mod:`~kdcore.grid.journal` (what is kept of it), :mod:`~kdcore.grid.summary` (what it says) and
:mod:`~kdcore.grid.picture` (how it looks).
"""
