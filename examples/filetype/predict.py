"""Says what kind of file it is given, by its content alone: Magika on ONNX Runtime, whose wheel has the weights."""

from cog import BaseModel, BasePredictor, Input, Path
from magika import Magika


class Output(BaseModel):
    label: str
    description: str
    mime_type: str
    group: str
    is_text: bool
    confidence: float


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.magika = Magika()
        print(f"{self.magika.get_model_name()} knows {len(self.magika.get_model_content_types())} kinds of files")

    def predict(self, file: Path = Input(description="Any file; its name does not matter")) -> Output:
        print(f"reading {file.stat().st_size} bytes")
        result = self.magika.identify_path(str(file))
        kind = result.output
        return Output(
            label=str(kind.label),
            description=kind.description,
            mime_type=kind.mime_type,
            group=kind.group,
            is_text=kind.is_text,
            confidence=round(float(result.score), 3),
        )
