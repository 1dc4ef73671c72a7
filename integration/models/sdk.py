"""Uses what the SDK has; runs with the bundled one and with the real one."""

import sys
from typing import List, Optional

import cog
from cog import BaseModel, BasePredictor, Input, Path, Secret, current_scope


class Output(BaseModel):
    text: str
    file: Optional[Path] = None
    secret: Optional[Secret] = None


class Predictor(BasePredictor):
    def setup(self) -> None:
        print("cog", cog.__version__, sys.prefix)

    def predict(
        self,
        text: str,
        token: Secret = Input(default=None),
        n: int = Input(default=2, ge=1, le=5),
        ratio: float = 0.5,
        mode: str = Input(default="a", choices=["a", "b"]),
        tags: List[str] = Input(default=["x"]),
        maybe: Optional[int] = None,
    ) -> Output:
        assert type(n) is int and type(ratio) is float
        tags.append(text)
        current_scope().record_metric("letters", len(text))
        self.record_metric("calls", 1, mode="incr")
        with open("/tmp/coglet-test-sdk.txt", "w") as out:
            out.write(" ".join(tags))
        hidden = token.get_secret_value() if token else None
        return Output(
            text=f"{text} {n} {ratio} {mode} {maybe} {hidden}", file=Path("/tmp/coglet-test-sdk.txt"), secret=token
        )
