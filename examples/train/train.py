"""Fits a small classifier to measurements of flowers and hands out its weights."""

from typing import Optional

import numpy
from cog import BaseModel, Input, Path, current_scope
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class TrainingOutput(BaseModel):
    weights: Path


def train(
    data: Optional[Path] = Input(
        description="CSV: four measurements and the kind in each line. Without it, the iris data of scikit-learn",
        default=None,
    ),
    test_share: float = Input(description="Share of the data that it is tested with", default=0.3, ge=0.1, le=0.9),
    seed: int = Input(description="The same seed, the same split", default=0, ge=0),
) -> TrainingOutput:
    if data is None:
        iris = load_iris()
        features, kinds = iris.data, iris.target_names[iris.target]
    else:
        table = numpy.loadtxt(data, delimiter=",", dtype=str)
        features, kinds = table[:, :-1].astype(float), table[:, -1]
    seen, unseen, seen_kinds, unseen_kinds = train_test_split(
        features, kinds, test_size=test_share, random_state=seed, stratify=kinds
    )
    print(f"fitting to {len(seen)} flowers")
    scaler = StandardScaler().fit(seen)
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(seen), seen_kinds)
    accuracy = model.score(scaler.transform(unseen), unseen_kinds)
    print(f"{accuracy:.1%} of {len(unseen)} others are told right")
    current_scope().record_metric("accuracy", round(float(accuracy), 3))
    # plain numbers: weights that cannot run code when they are loaded, as a pickle could
    numpy.savez(
        "/tmp/weights.npz",
        mean=scaler.mean_,
        scale=scaler.scale_,
        coefficients=model.coef_,
        intercept=model.intercept_,
        kinds=numpy.array(model.classes_, dtype=str),
    )
    return TrainingOutput(weights=Path("/tmp/weights.npz"))
