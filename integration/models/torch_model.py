"""A small network of torch's, used as models use it."""

import warnings
from typing import Any

import torch
from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self) -> None:
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()

    @torch.inference_mode()
    def predict(self, do: str = Input(default="tensor"), n: int = Input(default=2, ge=1)) -> Any:
        assert torch.is_inference_mode_enabled()
        return getattr(self, do)(n)

    def tensor(self, n: int) -> Any:
        return torch.arange(n) / 2

    def values(self, n: int) -> Any:
        warnings.simplefilter("error")
        return {
            "scalar": torch.tensor(1.5),
            "integer": torch.tensor(3),
            "flag": torch.tensor(True),
            "matrix": torch.eye(n, dtype=torch.int8),
            "half": torch.tensor([0.5], dtype=torch.bfloat16),
            "nan": torch.tensor([float("nan"), 1]),
            "empty": torch.zeros(0),
            "needs_grad": torch.nn.Parameter(torch.ones(1)),
            "size": torch.zeros(2, 3).shape,
            "one": torch.ones(1),
            "numpy": torch.ones(1).numpy(),
            "list": [torch.tensor(1.0), torch.tensor([2.0])],
        }

    def net_of(self, n: int) -> Any:
        out = self.net(torch.ones(n, 2))
        assert out.is_inference()
        return out.softmax(dim=1).sum(dim=1).round()

    def several(self, n: int) -> Any:
        return (torch.full((2,), i) for i in range(n))

    def device(self, _n: int) -> Any:
        return torch.device("cpu")

    def complex(self, _n: int) -> Any:
        return {"z": torch.ones(1, dtype=torch.complex64)}

    def worker(self, n: int) -> Any:
        dataset = torch.utils.data.TensorDataset(torch.arange(n))
        loader = torch.utils.data.DataLoader(dataset, num_workers=2)
        return [batch[0].item() for batch in loader]

    def spawn(self, n: int) -> Any:
        import torch.multiprocessing as processes

        with processes.get_context("spawn").Pool(1) as pool:
            return pool.map(square, [torch.tensor(n)])[0]


def square(value: Any) -> Any:
    return value * value
