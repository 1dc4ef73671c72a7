# The first code of ours in a worker. It also parses on Pythons that are too old, to tell them so.
import os
import sys


def close_on_exec():
    try:
        import fcntl
    except ImportError:
        return
    for fd in range(99, 105):
        try:
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        except (IOError, OSError):
            pass  # it was not given


def refuse():
    import struct

    version = ".".join(str(part) for part in sys.version_info[:3])
    error = "Python %s is too old: coglet needs 3.9 or newer" % version
    header = ('{"type":"setup_failed","error":"%s"}' % error).encode()
    os.write(100, struct.pack(">4sII", b"CGL1", len(header), 0) + header)
    sys.exit(1)


if __name__ == "__main__" and __package__:  # python -m coglet: the command, by whom has the wheel
    from coglet._serve import become

    become(sys.argv[1:])
elif __name__ == "__main__":
    close_on_exec()
    if sys.version_info < (3, 9):
        refuse()
    # python <lib>/coglet has put <lib>/coglet first; the package stands in <lib>, and comes before the model's folder.
    lib = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[0] = lib
    sys.path.insert(1, os.getcwd())
    sys.argv = ["coglet"]
    from coglet._worker import main

    main()
