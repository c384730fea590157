"""One thread for every test: on few cores, threads that wait for each other cost the most."""

import torch

torch.set_num_threads(1)
