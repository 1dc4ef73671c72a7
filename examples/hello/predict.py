"""The smallest model: no library, no weights."""

from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self) -> None:
        print("setting up")
        self.greeting = "hello"

    def predict(
        self,
        name: str = Input(description="Whom to greet", default="world", max_length=100),
        times: int = Input(description="How often", default=1, ge=1, le=10),
    ) -> str:
        print(f"greeting {name}")
        return " ".join([f"{self.greeting} {name}"] * times)
