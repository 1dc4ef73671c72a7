"""The old way to start the server."""

import sys


def main() -> None:
    """Say how to start the server."""
    sys.exit("cog.server.http: the server is the coglet binary: run `coglet serve`")


if __name__ == "__main__":
    main()
