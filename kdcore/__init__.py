"""The engine of the Dark Knowledge Lab: small teachers and students, trained and measured.

Read it in this order: :mod:`~kdcore.data`, :mod:`~kdcore.losses`, :mod:`~kdcore.models`,
:mod:`~kdcore.training`, :mod:`~kdcore.distillation`, :mod:`~kdcore.statistics`,
:mod:`~kdcore.experiments`. It knows nothing of the app; use it from a notebook or from the
command line (``python -m kdcore list``).
"""
