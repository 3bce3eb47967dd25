"""Runs a program on a terminal of its own. What is on our input is typed there, and what the
terminal shows is our output.

    python3 terminal.py PROGRAM ARGUMENT ...
"""

import fcntl
import os
import pty
import struct
import sys
import termios

typed = sys.stdin.buffer.read()
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
os.write(terminal, typed)
while True:
    try:
        shown = os.read(terminal, 65536)
    except OSError:  # The program has closed it.
        break
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
