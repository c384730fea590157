"""The same students trained in five ways; each way is a function from a task to a training.

What all share: the initial weights, the batches and their order (except in the plain loop with a
``DataLoader``), the loss, and Adam. What differs is how the work is put to the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from kdcore.data import Dataset, digits
from kdcore.distillation import HardLabels, Response, layer_sizes, train_teachers
from kdcore.models import MLPStack
from kdcore.training import TrainingSettings, train

#: Condition 0 learns from hard labels alone: α = 1, where the temperature has no say.
TEMPERATURES = (1.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
ALPHAS = (1.0, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
CONDITIONS = len(ALPHAS)
SEEDS = tuple(range(20))
STUDENTS = len(SEEDS) * CONDITIONS
STUDENT_HIDDEN = (32,)
TEACHER_HIDDEN = (256,)

#: One ``[R, out, in]`` and one ``[R, out]`` tensor a layer.
Parameters = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Task:
    """What is trained: S seeds × C conditions on the whole training pool of the digits."""

    dataset: Dataset
    #: One teacher a seed: logits for every image of the training pool, ``[S, N, classes]``.
    teacher_logits: Tensor
    #: Rows of the pool in each batch of each seed, as kdcore draws them: ``[steps, S, B]``.
    batches: Tensor
    settings: TrainingSettings

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Sizes of a student's layers."""
        return layer_sizes(self.dataset, STUDENT_HIDDEN)

    @property
    def rows(self) -> Tensor:
        """Rows of the pool that each seed may see: all of them, ``[S, N]``."""
        return torch.arange(len(self.dataset.training)).expand(len(SEEDS), -1)

    def new_stack(self) -> MLPStack:
        """Return all students before training."""
        return MLPStack.initialise(self.layer_sizes, SEEDS, CONDITIONS)


@dataclass(frozen=True)
class Student:
    """One student among all: its place in the stack, its seed and its condition."""

    seed: int
    condition: int

    @property
    def index(self) -> int:
        """Return its place in a stack."""
        return SEEDS.index(self.seed) * CONDITIONS + self.condition


@dataclass(frozen=True, eq=False)
class Training:
    """Trained parameters and what they took."""

    parameters: Parameters
    seconds: float
    #: Processor time of all threads: more than ``seconds`` betrays a second thread.
    cpu_seconds: float


class Stopwatch:
    """Measures wall and processor time of a ``with`` block."""

    def __enter__(self) -> Stopwatch:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start[0]
        self.cpu_seconds = time.process_time() - self._start[1]


def prepare(samples_seen: int, teacher_samples: int) -> Task:
    """Train the teachers, one a seed, and write down the batches that kdcore will draw."""
    dataset = digits()
    teachers = train_teachers(dataset, TEACHER_HIDDEN, SEEDS, teacher_samples)
    settings = TrainingSettings(samples_seen)
    batches = _recorded_batches(dataset, settings)
    return Task(dataset, teachers.training_logits.detach(), batches, settings)


def _recorded_batches(dataset: Dataset, settings: TrainingSettings) -> Tensor:
    """Train the smallest stack with an objective that writes down the rows it is given."""
    recorded: list[Tensor] = []
    objective = HardLabels(dataset.training.labels, dataset.classes)

    def recording(activations: list[Tensor], rows: Tensor) -> Any:
        recorded.append(rows.clone())
        return objective(activations, rows)

    stack = MLPStack.initialise(layer_sizes(dataset, (1,)), SEEDS)
    rows = torch.arange(len(dataset.training)).expand(len(SEEDS), -1)
    train(stack, dataset.training.inputs, rows, recording, settings)
    return torch.stack(recorded)


def accuracy_on_test_set(parameters: Parameters, dataset: Dataset) -> Tensor:
    """Return the share of right answers on the test set for each model, ``[R]`` (not timed)."""
    activations = dataset.test.inputs.expand(len(parameters[0][0]), -1, -1)
    for layer, (weight, bias) in enumerate(parameters):
        activations = torch.baddbmm(bias.unsqueeze(1), activations, weight.transpose(1, 2))
        if layer < len(parameters) - 1:
            activations = activations.relu()
    return (activations.argmax(-1) == dataset.test.labels).double().mean(-1)


# ------------------------------------------------------------------------------------- 1. kdcore


def train_with_kdcore(task: Task) -> Training:
    """All students as one stack, through the project's only training loop."""
    pool = task.dataset.training
    with Stopwatch() as watch:
        stack = task.new_stack()
        objective = Response(pool.labels, task.teacher_logits, TEMPERATURES, ALPHAS)
        train(stack, pool.inputs, task.rows, objective, task.settings)
    return Training(_parameters(stack), watch.seconds, watch.cpu_seconds)


def _parameters(stack: MLPStack) -> Parameters:
    layers = zip(stack.weights, stack.biases, strict=True)
    return [(weight.detach().clone(), bias.detach().squeeze(-1).clone()) for weight, bias in layers]


# ------------------------------------------------------------------- 2. one student after another


def train_with_data_loader(task: Task, students: Sequence[Student]) -> Training:
    """The usual loop: ``TensorDataset``, ``DataLoader(shuffle=True)``, a module, an optimiser.

    Its batches are its own; its last batch of an epoch is a short one.
    """
    networks = _networks(task, students)
    pool = task.dataset.training
    with Stopwatch() as watch:
        for student, network in zip(students, networks, strict=True):
            teacher_logits = task.teacher_logits[SEEDS.index(student.seed)]
            loader = DataLoader(
                TensorDataset(pool.inputs, pool.labels, teacher_logits),
                batch_size=task.settings.batch_size,
                shuffle=True,
                generator=torch.Generator().manual_seed(student.seed),
            )
            optimiser = torch.optim.Adam(network.parameters(), lr=task.settings.learning_rate)
            samples_seen = 0
            while samples_seen < task.settings.samples_seen:
                for inputs, labels, soft in loader:
                    _plain_step(network, optimiser, inputs, labels, soft, student.condition)
                    samples_seen += len(inputs)
                    if samples_seen >= task.settings.samples_seen:
                        break
    return Training(_stacked(networks), watch.seconds, watch.cpu_seconds)


def train_with_lean_loop(task: Task, students: Sequence[Student]) -> Training:
    """The leanest loop over single models: it indexes tensors, with kdcore's own batches."""
    networks = _networks(task, students)
    pool = task.dataset.training
    with Stopwatch() as watch:
        for student, network in zip(students, networks, strict=True):
            seed = SEEDS.index(student.seed)
            teacher_logits = task.teacher_logits[seed]
            optimiser = torch.optim.Adam(network.parameters(), lr=task.settings.learning_rate)
            for rows in task.batches[:, seed]:
                inputs, labels, soft = pool.inputs[rows], pool.labels[rows], teacher_logits[rows]
                _plain_step(network, optimiser, inputs, labels, soft, student.condition)
    return Training(_stacked(networks), watch.seconds, watch.cpu_seconds)


def _plain_step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    inputs: Tensor,
    labels: Tensor,
    teacher_logits: Tensor,
    condition: int,
) -> None:
    temperature, alpha = TEMPERATURES[condition], ALPHAS[condition]
    logits = network(inputs)
    loss = F.cross_entropy(logits, labels)
    if alpha < 1:
        soft = F.kl_div(
            F.log_softmax(logits / temperature, dim=1),
            F.softmax(teacher_logits / temperature, dim=1),
            reduction="batchmean",
        )
        loss = alpha * loss + (1 - alpha) * temperature**2 * soft
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _networks(task: Task, students: Sequence[Student]) -> list[nn.Module]:
    """Return students as ordinary modules, with kdcore's initial weights."""
    initial = _parameters(task.new_stack())
    networks: list[nn.Module] = []
    for student in students:
        layers: list[nn.Module] = []
        for weight, bias in initial:
            outputs, inputs = weight.shape[1:]
            linear = nn.Linear(inputs, outputs)
            linear.weight.data = weight[student.index].clone()
            linear.bias.data = bias[student.index].clone()
            layers += [linear, nn.ReLU()]
        networks.append(nn.Sequential(*layers[:-1]))
    return networks


def _stacked(networks: Sequence[nn.Module]) -> Parameters:
    tensors = [
        torch.stack([parameter.detach() for parameter in same_parameter])
        for same_parameter in zip(*(network.parameters() for network in networks), strict=True)
    ]
    return list(zip(tensors[::2], tensors[1::2], strict=True))


# --------------------------------------------------------------------------------- 3. torch.func


def train_with_torch_func(task: Task) -> Training:
    """Model ensembling as in PyTorch's tutorial: ``stack_module_state``, ``vmap(grad(loss))``."""
    students = [Student(seed, condition) for seed in SEEDS for condition in range(CONDITIONS)]
    networks = _networks(task, students)
    template = _networks(task, students[:1])[0].to("meta")
    temperature, alpha = torch.tensor(TEMPERATURES), torch.tensor(ALPHAS)

    def loss(
        parameters: dict[str, Tensor],
        inputs: Tensor,
        labels: Tensor,
        teacher_logits: Tensor,
        temperature: Tensor,
        alpha: Tensor,
    ) -> Tensor:
        logits = functional_call(template, parameters, (inputs,))
        soft = F.kl_div(
            F.log_softmax(logits / temperature, dim=1),
            F.softmax(teacher_logits / temperature, dim=1),
            reduction="batchmean",
        )
        return alpha * F.cross_entropy(logits, labels) + (1 - alpha) * temperature**2 * soft

    pool, seeds = task.dataset.training, torch.arange(len(SEEDS)).unsqueeze(1)
    gradients_of: Callable[..., dict[str, Tensor]] = vmap(grad(loss))
    with Stopwatch() as watch:
        state, _ = stack_module_state(networks)  # type: ignore[arg-type]
        parameters = {name: tensor.detach() for name, tensor in state.items()}
        adam = FunctionalAdam(parameters, task.settings.learning_rate)
        temperatures, alphas = temperature.repeat(len(SEEDS)), alpha.repeat(len(SEEDS))
        for rows in task.batches:
            per_seed = pool.inputs[rows], pool.labels[rows], task.teacher_logits[seeds, rows]
            per_student = [tensor.repeat_interleave(CONDITIONS, dim=0) for tensor in per_seed]
            adam.step(gradients_of(parameters, *per_student, temperatures, alphas))
    tensors = list(parameters.values())
    layers = list(zip(tensors[::2], tensors[1::2], strict=True))
    return Training(layers, watch.seconds, watch.cpu_seconds)


class FunctionalAdam:
    """Adam over a dictionary of stacked parameters, with PyTorch's in-place operations."""

    def __init__(self, parameters: dict[str, Tensor], learning_rate: float) -> None:
        self._parameters = parameters
        self._rate = learning_rate
        self._first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._second = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._steps = 0

    def step(self, gradients: dict[str, Tensor]) -> None:
        """Move each parameter by −rate · m̂ / (√v̂ + ε)."""
        self._steps += 1
        rate = self._rate / (1 - 0.9**self._steps)
        unbias = 1 - 0.999**self._steps
        for name, parameter in self._parameters.items():
            gradient, first, second = gradients[name], self._first[name], self._second[name]
            first.lerp_(gradient, 0.1)
            second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            parameter.addcdiv_(first, (second / unbias).sqrt_().add_(1e-8), value=-rate)


# --------------------------------------------------------------------------------------- 4. JAX


def prepare_jax(threads: int) -> bool:
    """Keep JAX to a number of threads and say whether it can be imported. Call it only once.

    ``XLA_FLAGS`` and ``NPROC`` (the size of XLA's thread pool) count before the first import only.
    Without ``NPROC``, XLA runs independent operations of one step on a second core.
    """
    os.environ["NPROC"] = str(threads)
    eigen = "false" if threads == 1 else "true"
    os.environ["XLA_FLAGS"] = (
        f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    )
    os.environ["JAX_PLATFORMS"] = "cpu"
    try:
        import jax  # noqa: F401
    except ImportError:
        return False
    return True


def compile_with_jax(task: Task) -> tuple[Callable[[], Training], float]:
    """Return a jitted ``lax.scan`` over all steps of a ``vmap`` over students; compile seconds.

    The models of a seed share their batch: the outer ``vmap`` runs over seeds, the inner one over
    conditions.
    """
    import jax
    import jax.numpy as jnp

    def logits_of(parameters: Any, inputs: Any) -> Any:
        *hidden, (weight, bias) = parameters
        for hidden_weight, hidden_bias in hidden:
            inputs = jax.nn.relu(inputs @ hidden_weight.T + hidden_bias)
        return inputs @ weight.T + bias

    def loss(
        parameters: Any, inputs: Any, labels: Any, teacher: Any, temperature: Any, alpha: Any
    ) -> Any:
        logits = logits_of(parameters, inputs)
        log_probs = jax.nn.log_softmax(logits)
        hard = -jnp.take_along_axis(log_probs, labels[:, None], axis=1).mean()
        teacher_log = jax.nn.log_softmax(teacher / temperature)
        student_log = jax.nn.log_softmax(logits / temperature)
        soft = (jnp.exp(teacher_log) * (teacher_log - student_log)).sum(axis=1).mean()
        return alpha * hard + (1 - alpha) * temperature**2 * soft

    over_conditions = jax.vmap(jax.grad(loss), in_axes=(0, None, None, None, 0, 0))
    gradients_of = jax.vmap(over_conditions, in_axes=(0, 0, 0, 0, None, None))
    rate = task.settings.learning_rate

    def run(start: Any, batches: Any, pool: Any, temperatures: Any, alphas: Any) -> Any:
        inputs, labels, teacher_logits = pool
        seeds = jnp.arange(len(SEEDS))[:, None]

        def step(carry: Any, rows: Any) -> Any:
            parameters, first, second, steps = carry
            steps = steps + 1
            gradients = gradients_of(
                parameters, inputs[rows], labels[rows], teacher_logits[seeds, rows],
                temperatures, alphas,
            )  # fmt: skip
            first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
            second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
            unbias_first, unbias_second = 1 - 0.9**steps, 1 - 0.999**steps
            parameters = jax.tree.map(
                lambda p, m, v: (
                    p - rate * (m / unbias_first) / (jnp.sqrt(v / unbias_second) + 1e-8)
                ),
                parameters,
                first,
                second,
            )
            return (parameters, first, second, steps), None

        zeros = jax.tree.map(jnp.zeros_like, start)
        (parameters, *_), _ = jax.lax.scan(step, (start, zeros, zeros, 0.0), batches)
        return parameters

    def by_seed(tensor: Tensor) -> Any:
        return jnp.asarray(tensor.unflatten(0, (len(SEEDS), CONDITIONS)).numpy())

    def by_model(array: Any) -> Tensor:
        return torch.tensor(jax.device_get(array)).flatten(0, 1)

    images = task.dataset.training
    arguments = (
        [(by_seed(weight), by_seed(bias)) for weight, bias in _parameters(task.new_stack())],
        jnp.asarray(task.batches.int().numpy()),
        tuple(
            jnp.asarray(tensor.numpy())
            for tensor in (images.inputs, images.labels.int(), task.teacher_logits)
        ),
        jnp.asarray(TEMPERATURES),
        jnp.asarray(ALPHAS),
    )
    with Stopwatch() as compiling:
        compiled = jax.jit(run).lower(*arguments).compile()

    def trained() -> Training:
        with Stopwatch() as watch:
            layers = jax.block_until_ready(compiled(*arguments))
        return Training(
            [(by_model(weight), by_model(bias)) for weight, bias in layers],
            watch.seconds,
            watch.cpu_seconds,
        )

    return trained, compiling.seconds
