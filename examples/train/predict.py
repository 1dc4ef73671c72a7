"""Serves the weights that train.py made: COG_WEIGHTS names them."""

from typing import Dict, Optional

import numpy
from cog import BaseModel, BasePredictor, Input, Path


class Output(BaseModel):
    kind: str
    probabilities: Dict[str, float]


class Predictor(BasePredictor):
    def setup(self, weights: Optional[Path]) -> None:
        if weights is None:
            raise RuntimeError("no weights: make some with `coglet train` and name them with COG_WEIGHTS")
        self.weights = dict(numpy.load(str(weights), allow_pickle=False))
        print(f"knows {', '.join(self.weights['kinds'])}")

    def predict(
        self,
        sepal_length: float = Input(description="Centimetres", default=5.1, ge=0),
        sepal_width: float = Input(description="Centimetres", default=3.5, ge=0),
        petal_length: float = Input(description="Centimetres", default=1.4, ge=0),
        petal_width: float = Input(description="Centimetres", default=0.2, ge=0),
    ) -> Output:
        w = self.weights
        flower = numpy.array([sepal_length, sepal_width, petal_length, petal_width])
        scores = w["coefficients"] @ ((flower - w["mean"]) / w["scale"]) + w["intercept"]
        shares = numpy.exp(scores - scores.max())
        shares /= shares.sum()
        probabilities = {str(kind): round(float(share), 3) for kind, share in zip(w["kinds"], shares)}
        return Output(kind=max(probabilities, key=probabilities.__getitem__), probabilities=probabilities)
