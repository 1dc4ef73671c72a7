"""A model to start from. Try it: coglet predict -i name=World, then coglet serve."""

from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self) -> None:
        """Runs once, before the first prediction: load weights here and keep them in self."""
        self.greeting = "hello"

    def predict(
        self,
        # Each input has a type, and a description, a default and limits where they help. Types: str, int, float, bool,
        # cog.Path for files, cog.Secret, list[...], dict. An input without a default must be given.
        name: str = Input(description="Whom to greet"),
        times: int = Input(description="How often", default=1, ge=1, le=10),
    ) -> str:
        """Runs for each prediction. To send tokens as they come, yield them: -> cog.ConcatenateIterator[str].

        To return a file, write it and return its cog.Path."""
        print("this line goes to the prediction's logs")
        return " ".join([f"{self.greeting} {name}"] * times)
