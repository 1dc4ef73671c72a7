"""A file that is there already."""

import os

from cog import BasePredictor, Path


class Predictor(BasePredictor):
    def predict(self) -> Path:
        return Path(os.environ["BENCH_FILE"])
