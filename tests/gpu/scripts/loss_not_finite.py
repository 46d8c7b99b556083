import torch

from mlops_ci.guest.sdk import log

log(step=1, loss=float((torch.zeros(8, device="cuda") / 0).sum()))
