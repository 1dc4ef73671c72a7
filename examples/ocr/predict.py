"""Reads the text in a picture with PP-OCR models on ONNX Runtime; the wheel carries their weights."""

from typing import List

from cog import BaseModel, BasePredictor, Input, Path
from PIL import Image, ImageDraw
from rapidocr_onnxruntime import RapidOCR


class Line(BaseModel):
    text: str
    confidence: float
    box: List[List[float]]


class Output(BaseModel):
    text: str
    lines: List[Line]
    annotated: Path


class Predictor(BasePredictor):
    def setup(self) -> None:
        self.engine = RapidOCR()

    def predict(
        self,
        image: Path = Input(description="A picture with printed text", accept="image/*"),
        min_confidence: float = Input(description="Leave out lines below it", default=0.5, ge=0, le=1),
    ) -> Output:
        picture = Image.open(image).convert("RGB")
        print(f"reading {picture.width} x {picture.height} pixels")
        found, _ = self.engine(str(image))
        lines = []
        draw = ImageDraw.Draw(picture)
        for number, (box, text, confidence) in enumerate(found or [], 1):
            print(f"line {number} of {len(found)}: {text!r} ({confidence:.2f})")
            if confidence < min_confidence:
                continue
            lines.append(Line(text=text, confidence=float(confidence), box=box))
            draw.polygon([tuple(point) for point in box], outline="red", width=2)
        picture.save("/tmp/annotated.png")
        return Output(text="\n".join(line.text for line in lines), lines=lines, annotated=Path("/tmp/annotated.png"))
