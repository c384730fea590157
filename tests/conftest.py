"""One thread for every test: on few cores, threads that wait for each other cost the most."""

import os

# NumPy reads it when it is first imported, and PyTorch imports NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)
# No test pays for what another might need.
os.environ.setdefault("KDCORE_AHEAD", "0")
