"""Tokens one after the other, as a language model yields them: a Markov chain over the words of its prompt."""

import random
from typing import Dict, List

from cog import BasePredictor, ConcatenateIterator, Input

CORPUS = (
    "the server starts the worker and the worker loads the model and the model answers the client "
    "and the client reads the answer and the server waits for the next client"
)


class Predictor(BasePredictor):
    def setup(self) -> None:
        words = CORPUS.split()
        self.followers: Dict[str, List[str]] = {}
        for word, follower in zip(words, words[1:]):
            self.followers.setdefault(word, []).append(follower)

    def predict(
        self,
        prompt: str = Input(description="The first word", default="the"),
        tokens: int = Input(description="How many to make", default=20, ge=1, le=10_000),
        seed: int = Input(description="The same seed, the same text", default=0),
    ) -> ConcatenateIterator[str]:
        rng = random.Random(seed)
        word = prompt.split()[-1] if prompt.split() else "the"
        for _ in range(tokens):
            word = rng.choice(self.followers.get(word, ["the"]))
            yield word + " "
