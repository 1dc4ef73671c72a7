"""A picture in, a picture out."""

from cog import BasePredictor, Input, Path
from PIL import Image, ImageFilter, ImageOps


class Predictor(BasePredictor):
    def predict(
        self,
        image: Path = Input(description="The picture", accept="image/*"),
        effect: str = Input(
            description="What becomes of it", choices=["duotone", "poster", "edges", "blur"], default="duotone"
        ),
        strength: float = Input(description="From nothing to all of it", default=1.0, ge=0, le=1),
        max_size: int = Input(description="Pixels of the longer side at most", default=1024, ge=16, le=4096),
    ) -> Path:
        picture = Image.open(image)
        size = picture.size
        picture = ImageOps.exif_transpose(picture).convert("RGB")
        picture.thumbnail((max_size, max_size))
        print(f"{size[0]} x {size[1]} pixels, made {picture.width} x {picture.height}")
        changed = getattr(self, effect)(picture)
        Image.blend(picture, changed, strength).save("/tmp/picture.png", optimize=True)
        return Path("/tmp/picture.png")

    def duotone(self, picture: Image.Image) -> Image.Image:
        return ImageOps.colorize(ImageOps.grayscale(picture), black="#1d1147", mid="#d6456b", white="#fff2d8")

    def poster(self, picture: Image.Image) -> Image.Image:
        return ImageOps.posterize(ImageOps.autocontrast(picture), 2)

    def edges(self, picture: Image.Image) -> Image.Image:
        return ImageOps.grayscale(picture).filter(ImageFilter.CONTOUR).convert("RGB")

    def blur(self, picture: Image.Image) -> Image.Image:
        return picture.filter(ImageFilter.GaussianBlur(picture.width / 60))
