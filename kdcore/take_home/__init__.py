"""What a learner takes home: a trained network as a file, and its run as a script.

The files load without this project. The script is an ordinary PyTorch program, a second
implementation of the recipe on purpose: it shares no code with the engine, so that each checks
the other, and a test holds the two together.
"""

from kdcore.take_home.networks import as_onnx, as_safetensors, metadata, sequential
from kdcore.take_home.script import as_script, has_script

__all__ = ["as_onnx", "as_safetensors", "as_script", "has_script", "metadata", "sequential"]
