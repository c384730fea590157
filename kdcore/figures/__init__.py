"""Results in, Plotly figure out. One palette and one marker shape for each who acts here.

One file for each kind of chart; what they share is in :mod:`~kdcore.figures.common`.
"""

from kdcore.figures.accuracy import (
    accuracy_figure,
    curves_figure,
    entropy_points_figure,
    gains_figure,
    live_curves_figure,
    pair_figure,
    routes_figure,
)
from kdcore.figures.anatomy import gradient_sizes_figure
from kdcore.figures.balance import alpha_range, best_alpha_figure
from kdcore.figures.broken import exam_figure
from kdcore.figures.classes import (
    look_alikes_figure,
    projection_figure,
    similarity_figure,
    targets_figure,
)
from kdcore.figures.common import CLASS_LOOKS, DASHES, MARKERS, PALETTE, add_ghost
from kdcore.figures.lab import entropy_figure, learning_curves_figure
from kdcore.figures.practice import published_systems_figure, student_size_figure
from kdcore.figures.reference import (
    counts_figure,
    layer_changes_figure,
    memorising_figure,
    published_figure,
)
from kdcore.figures.today import between_figure
from kdcore.figures.unseen import confusion_figure, recall_figure, shift_figure

__all__ = [
    "CLASS_LOOKS",
    "DASHES",
    "MARKERS",
    "PALETTE",
    "accuracy_figure",
    "add_ghost",
    "alpha_range",
    "best_alpha_figure",
    "between_figure",
    "confusion_figure",
    "counts_figure",
    "curves_figure",
    "entropy_figure",
    "entropy_points_figure",
    "exam_figure",
    "gains_figure",
    "gradient_sizes_figure",
    "layer_changes_figure",
    "learning_curves_figure",
    "live_curves_figure",
    "look_alikes_figure",
    "memorising_figure",
    "pair_figure",
    "projection_figure",
    "published_figure",
    "published_systems_figure",
    "recall_figure",
    "routes_figure",
    "shift_figure",
    "similarity_figure",
    "student_size_figure",
    "targets_figure",
]
