"""The server is the coglet binary; this package only keeps its old name."""
