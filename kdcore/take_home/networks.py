"""A trained network as a file that other programs load."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from safetensors.torch import save
from torch import Tensor

from kdcore.distillation import accuracy
from kdcore.experiments.lab import LabResult
from kdcore.models import MLPStack

#: What the networks expect; it travels with the files.
INPUTS = "64 pixels of an 8x8 digit, row by row, 0 to 1 (0 to 16 in the data, divided by 16)"
OUTPUTS = "10 logits, one a digit; divide them by T and take the softmax for soft labels"

#: Old enough for every runtime in use: Gemm and Relu have meant the same since then.
OPSET, IR_VERSION = 13, 7


def as_safetensors(network: MLPStack, metadata: Mapping[str, str]) -> bytes:
    """Return one network as a safetensors file, named as ``torch.nn.Sequential`` names it.

    It loads without this project::

        from safetensors.torch import load_file
        network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        network.load_state_dict(load_file("student.safetensors"))

    Parameters
    ----------
    network
        A stack of one network.
    metadata
        What else the file is to say of itself, such as the settings of its run. Layer sizes, what
        goes in and comes out, and the version of torch are said anyway.

    Returns
    -------
    bytes
        The file: ``"0.weight"`` ``[out, in]``, ``"0.bias"`` ``[out]``, ``"2.weight"``, ...; the
        odd numbers are the ReLUs. All float32.

    Raises
    ------
    ValueError
        If the stack holds more than one network.

    Notes
    -----
    The format: https://github.com/huggingface/safetensors#format
    """
    return save(_state(network), {"format": "pt"} | _about(network) | dict(metadata))


def as_onnx(network: MLPStack, metadata: Mapping[str, str]) -> bytes:
    """Return one network as an ONNX model: a chain of Gemm and Relu.

    It loads without this project, and without PyTorch::

        import onnxruntime
        session = onnxruntime.InferenceSession("student.onnx")
        (logits,) = session.run(None, {"pixels": pixels})  # float32 [N, 64] to [N, 10]

    Parameters
    ----------
    network
        A stack of one network.
    metadata
        As for :func:`as_safetensors`; it becomes ``metadata_props``.

    Returns
    -------
    bytes
        The model: input ``"pixels"`` float32 ``[N, 64]``, output ``"logits"`` ``[N, 10]``, for
        any number N of images.

    Raises
    ------
    ValueError
        If the stack holds more than one network.

    Notes
    -----
    The operators: https://onnx.ai/onnx/operators
    """
    # Only who asks for the file pays for the package: 30 ms and 7 MB.
    from onnx import TensorProto, checker, helper, numpy_helper

    state = _state(network)
    layers = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    nodes, values = [], "pixels"
    for layer in layers:
        out = "logits" if layer == layers[-1] else f"{layer}.out"
        # transB: y = x · Wᵀ + b, since weights are [out, in].
        gemm = [values, f"{layer}.weight", f"{layer}.bias"]
        nodes.append(helper.make_node("Gemm", gemm, [out], transB=1))
        if out != "logits":
            values = f"{layer}.relu"
            nodes.append(helper.make_node("Relu", [out], [values]))
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", network.layer_sizes[0]])],
        [
            helper.make_tensor_value_info(
                "logits", TensorProto.FLOAT, ["N", network.layer_sizes[-1]]
            )
        ],
        [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in state.items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="Dark Knowledge Lab",
    )
    helper.set_model_props(model, _about(network) | dict(metadata))
    checker.check_model(model)
    return model.SerializeToString()


def metadata(result: LabResult, who: str) -> dict[str, str]:
    """Return what a file says of one of a run's networks: its run, and its own test accuracy.

    Parameters
    ----------
    who
        A key of the measured networks: ``"teacher"``, ``"hard"`` or ``"distilled"``. All are the
        first seed's.
    """
    measured = result.measured
    settings = {f"setting_{name}": text for name, text in result.settings.texts().items()}
    right = accuracy(measured.example_logits[who], measured.test_labels)
    return settings | {
        "network": who,
        "seed": str(result.seeds[0]),
        "test_accuracy": f"{right.item():.4f}",
    }


def sequential(network: MLPStack) -> str:
    """Return the Python expression of a new network of the same shape, in plain PyTorch."""
    layers = [
        f"torch.nn.Linear({inputs}, {outputs})" for inputs, outputs in pairwise(network.layer_sizes)
    ]
    lines = ", torch.nn.ReLU(),\n    ".join(layers)
    return f"torch.nn.Sequential(\n    {lines},\n)"


def _state(network: MLPStack) -> dict[str, Tensor]:
    """Return the parameters of the only network, as a ``torch.nn.Sequential`` names them."""
    if len(network) != 1:
        raise ValueError(
            f"A file holds one network, and this stack has {len(network)}: take one of them with "
            "stack.network(seed, condition)"
        )
    state = {}
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        # Linear layers stand at 0, 2, 4, ...: a ReLU follows each but the last.
        state[f"{2 * layer}.weight"] = weight[0].contiguous()
        state[f"{2 * layer}.bias"] = bias[0, :, 0].contiguous()
    return state


def _about(network: MLPStack) -> dict[str, str]:
    return {
        "layer_sizes": ",".join(map(str, network.layer_sizes)),
        "inputs": INPUTS,
        "outputs": OUTPUTS,
        "torch": str(torch.__version__),
    }
