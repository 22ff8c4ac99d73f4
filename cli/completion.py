"""Completion of the command line in bash and zsh, made from what the command line understands."""

import argparse
from collections.abc import Iterator

SHELLS = ("bash", "zsh")
_SCRIPT = """\
# feee-cancel completion {shell}: for a shell's start file, or eval "$(./feee-cancel completion {shell})"
_feee_cancel() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}} words=
  case $COMP_CWORD:$command:$before in
    1:*) words="{commands}" ;;
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _feee_cancel feee-cancel ./feee-cancel
"""
_ZSH = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"


def script(top: argparse.ArgumentParser, shell: str) -> str:
    """What the shell has to read."""
    (commands,) = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - argparse shows its arguments nowhere else
    cases = "\n".join(line for name, command in commands.choices.items() for line in _cases(name, command))
    text = _SCRIPT.format(shell=shell, commands=" ".join(commands.choices), cases=cases)
    return _ZSH + text if shell == "zsh" else text


def _cases(name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    """First what follows an option, then the options and the choices of the command itself."""
    every: list[str] = []
    for action in command._actions:  # noqa: SLF001 - as above
        choices = [str(choice) for choice in action.choices or ()]
        every += action.option_strings or choices
        if action.option_strings and action.nargs != 0:
            for option in action.option_strings:
                yield f'    *:{name}:{option}) words="{" ".join(choices)}" ;;'
    yield f'    *:{name}:*) words="{" ".join(every)}" ;;'
