"""One thread for every test: on few cores, threads that wait for each other cost the most."""

import os

import torch

torch.set_num_threads(1)
# No test pays for what another might need.
os.environ.setdefault("KDCORE_AHEAD", "0")
