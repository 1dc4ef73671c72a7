"""Whether this process is a worker; apart from the rest, so that asking costs no import."""

active = False
