"""The door: the heavy imports once, then the navigation; nothing else."""

# First, since it settles how many threads the others use. All of them here, since at a cold start
# many first visits would otherwise race through half-imported modules.
import kdcore.experiments.lab  # noqa: F401  # isort: skip
import pandas  # noqa: F401  # isort: skip
import plotly.graph_objects  # noqa: F401

from pages.common import frame

frame.navigate()
