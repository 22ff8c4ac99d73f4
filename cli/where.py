"""How the user named the stack: the commands that we suggest name it so, too, as they could harm another."""

import shlex
from dataclasses import dataclass

DEFAULT_NAME = "feee-cancel"


@dataclass(frozen=True, slots=True)
class Where:
    """`region` and `profile` are None if AWS's own settings decide; `local` is the stack that `make local` runs."""

    stack: str = DEFAULT_NAME
    region: str | None = None
    profile: str | None = None
    local: bool = False

    def command(self, name: str, *words: str) -> str:
        """A command of ours for a shell. The stack comes first, so that half a command harms no other stack."""
        named = {"--stack": self.stack if self.stack != DEFAULT_NAME else None, **self._settings}
        options = ["--local"] if self.local else _given(named)
        return shlex.join(["./feee-cancel", name, *options, *words])

    def aws(self, *words: str) -> str:
        """A command of the AWS CLI where this stack is."""
        return shlex.join(["aws", *words, *_given(self._settings)])

    @property
    def _settings(self) -> dict[str, str | None]:
        return {"--region": self.region, "--profile": self.profile}


DEFAULT = Where()


def _given(options: dict[str, str | None]) -> list[str]:
    return [word for option, value in options.items() if value for word in (option, value)]
