#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Types the lines of a file into an interactive shell and presses TAB at the end of each.

    press_tab.py bash|zsh FOLDER LINES

FOLDER holds the completions, `shardnet` for bash and `_shardnet` for zsh.  Prints each line as
the shell has completed it.
"""
import os
import pty
import re
import select
import sys
import time

# Each shell prints its line between two control characters when Ctrl-T is pressed.  In zsh this
# key completes too: zsh gives up completing when it sees that a key is waiting.
SHELLS = {
    "bash": (["bash", "--noprofile", "--norc", "-i"], r"""
        PS1=; bind 'set bell-style none'; source {}/shardnet
        show() {{ printf '\001%s\002' "$READLINE_LINE"; }}
        bind -x '"\C-t": show'; printf '\001\002'
        """),
    "zsh": (["zsh", "-f", "-i"], r"""
        PS1=; unsetopt beep; setopt no_auto_list no_auto_menu; fpath=({} $fpath)
        autoload -U compinit; compinit -u -D
        show() {{ zle complete-word; printf '\001%s\002' "$BUFFER" }}
        zle -N show; bindkey '^T' show; bindkey '^U' kill-whole-line; printf '\001\002'
        """),
}
LIMIT_SECONDS = 20


def read_answer(terminal):
    """Returns what the shell prints between the two control characters."""
    text, end = b"", time.monotonic() + LIMIT_SECONDS
    while not (found := re.search(b"\x01(.*?)\x02", text, re.DOTALL)):
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        if not ready:
            sys.exit(f"press_tab.py: no answer within {LIMIT_SECONDS} s: {text!r}")
        text += os.read(terminal, 4096)
    return found[1].decode()


def main():
    words, setup = SHELLS[sys.argv[1]]
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb" if sys.argv[1] == "zsh" else "vt100", COLUMNS="500")
        os.execvp(words[0], words)
    # Blanks after the last newline would belong to the first line.
    os.write(terminal, setup.format(sys.argv[2]).strip().encode() + b"\n")
    read_answer(terminal)
    press = b"\t\x14" if sys.argv[1] == "bash" else b"\x14"
    for line in open(sys.argv[3], encoding="utf-8"):
        os.write(terminal, b"\x15" + line.rstrip("\n").encode() + press)
        print(read_answer(terminal), flush=True)
    os.write(terminal, b"\x15exit\n")
    os.waitpid(child, 0)


main()
