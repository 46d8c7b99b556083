import torch

held = []
while True:
    held.append(torch.empty(1 << 30, dtype=torch.uint8, device="cuda"))
