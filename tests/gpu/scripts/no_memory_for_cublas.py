import torch

a = torch.randn(64, 64, device="cuda")
held = []
try:
    while True:
        held.append(torch.empty(1 << 26, dtype=torch.uint8, device="cuda"))
except torch.OutOfMemoryError:
    pass
print((a @ a).sum().item())
