"""What a worker runs."""

import enum


class Mode(enum.Enum):
    PREDICT = "predict"
    TRAIN = "train"

    def __str__(self) -> str:
        return self.value
