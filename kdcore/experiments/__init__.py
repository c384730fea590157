"""Each experiment: frozen settings in, a table out, every figure with its interval.

One file an experiment; what they share is in :mod:`~kdcore.experiments.common`.
"""

from __future__ import annotations

from collections.abc import Mapping

from kdcore.experiments.balance import BalanceSettings, balance
from kdcore.experiments.common import Experiment, Result
from kdcore.experiments.controls import ControlsSettings, controls
from kdcore.experiments.feature import FeatureSettings, feature
from kdcore.experiments.online import OnlineSettings, online
from kdcore.experiments.progressive import ProgressiveSettings, progressive
from kdcore.experiments.reference import ReferenceSettings, reference
from kdcore.experiments.self_distillation import SelfSettings, self_distillation
from kdcore.experiments.student_size import StudentSizeSettings, student_size
from kdcore.experiments.t_squared import TSquaredSettings, t_squared
from kdcore.experiments.teacher_size import TeacherSizeSettings, teacher_size
from kdcore.experiments.temperature import TemperatureSettings, temperature
from kdcore.experiments.unseen_class import UnseenClassSettings, unseen_class
from kdcore.experiments.variants import VariantsSettings, variants

__all__ = ["EXPERIMENTS", "Experiment", "Result"]

#: Every experiment of the command line, by name.
EXPERIMENTS: Mapping[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "temperature", "What does the temperature do?", TemperatureSettings, temperature
        ),
        Experiment(
            "teacher-size",
            "Is a bigger teacher a better teacher?",
            TeacherSizeSettings,
            teacher_size,
        ),
        Experiment(
            "balance", "Whom to trust, the labels or the teacher?", BalanceSettings, balance
        ),
        Experiment("t-squared", "What is the factor T² for?", TSquaredSettings, t_squared),
        Experiment("variants", "Which way to teach helps most?", VariantsSettings, variants),
        Experiment(
            "self", "Can a network teach its own successor?", SelfSettings, self_distillation
        ),
        Experiment("online", "Do networks learn more together?", OnlineSettings, online),
        Experiment("feature", "Does it help to see inside the teacher?", FeatureSettings, feature),
        Experiment(
            "progressive",
            "Does an assistant help a small student to learn from a big teacher?",
            ProgressiveSettings,
            progressive,
        ),
        Experiment(
            "unseen-class",
            "Does a student recognise a digit that it has never seen?",
            UnseenClassSettings,
            unseen_class,
        ),
        Experiment(
            "student-size",
            "How much smaller can a student be for the same accuracy?",
            StudentSizeSettings,
            student_size,
        ),
        Experiment("controls", "Is it really dark knowledge?", ControlsSettings, controls),
        Experiment(
            "reference",
            "Can the published run be repeated to the last digit?",
            ReferenceSettings,
            reference,
        ),
    )
}
