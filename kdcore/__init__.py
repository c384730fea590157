"""The engine of the Dark Knowledge Lab: small teachers and students, trained and measured.

Read it in this order: :mod:`~kdcore.data`, :mod:`~kdcore.losses`, :mod:`~kdcore.models`,
:mod:`~kdcore.training`, :mod:`~kdcore.distillation`, :mod:`~kdcore.statistics`,
:mod:`~kdcore.experiments`. It knows nothing of the app; use it from a notebook or from the
command line (``python -m kdcore list``).
"""

import os

# Before torch and NumPy start. Their threads wait for each other at the end of every product: with
# two of them and anything else running on a small machine, a run of 2 s stalled for up to 60 s.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
