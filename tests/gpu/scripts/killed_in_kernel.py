import os
import threading

import torch

big = torch.randn(16384, 16384, device="cuda")
threading.Timer(3.0, lambda: os.kill(os.getpid(), 9)).start()
while True:
    big = big @ big
