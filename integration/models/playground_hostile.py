"""A model that wants to run script in the page of whoever tries it."""

from typing import Any

from cog import BasePredictor, Input, current_scope

MARKUP = '"><img src=x onerror="window.hacked=1"><script>window.hacked=2</script><svg onload="window.hacked=3">'
LINK = "javascript:window.hacked=4"
PAGE = "data:text/html,<script>window.hacked=5</script>"
PICTURE = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked=6'/>"


class Predictor(BasePredictor):
    def setup(self) -> None:
        print(MARKUP)

    def predict(
        self,
        text: str = Input(description=MARKUP, default=MARKUP),
        choice: str = Input(description=MARKUP, choices=[MARKUP, "b"], default=MARKUP),
        old: str = Input(description=MARKUP, default=MARKUP, deprecated=True),
        fail: bool = Input(default=False),
    ) -> Any:
        print(MARKUP)
        current_scope().record_metric("markup", MARKUP)
        if fail:
            raise ValueError(MARKUP)
        shapes = [MARKUP, LINK, PAGE, PICTURE, "http://[" + MARKUP, "data:" + MARKUP]
        yield from shapes
        yield {MARKUP: MARKUP, "__proto__": {"hacked": 7}, "nested": shapes}
