import torch

labels = torch.tensor([1, 2, 3, 77], device="cuda")
print(torch.nn.functional.cross_entropy(torch.zeros(4, 10, device="cuda"), labels).item())
