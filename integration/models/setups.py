"""setup() in the ways that it can go wrong; SETUP names one."""

import os
import sys
import time

from cog import BasePredictor


class Predictor(BasePredictor):
    def setup(self) -> None:
        how = os.environ.get("SETUP", "ok")
        print(f"setting up: {how}")
        os.system("echo child of setup")
        if how == "fail":
            raise ValueError("no weights")
        if how == "exit":
            sys.exit("gave up")
        if how == "die":
            os._exit(7)
        if how == "hang":
            os.system("sleep 600 &")
            time.sleep(600)
        if how == "loop":
            marker = os.environ["MARKER"]
            if os.path.exists(marker):
                os._exit(9)
            open(marker, "w").close()

    def predict(self, do: str = "nothing") -> str:
        if do == "die":
            os._exit(1)
        return do
