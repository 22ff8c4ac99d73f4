"""The settings, from the environment variables that the template sets."""

from collections.abc import Mapping


class SettingError(ValueError):
    """A setting is missing or wrong; the message names it and says what it should be."""


class Settings:
    """What a user can set; the template's parameters document each. Methods raise SettingError for a wrong value."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str:
        """A text that isn't empty."""
        value = self.any_text(name).strip()
        if not value:
            raise SettingError(f"environment variable {name} is missing or empty; template.yaml sets it")
        return value

    def any_text(self, name: str) -> str:
        """A text that may be empty or missing."""
        return self._environ.get(name, "")

    def integer(self, name: str) -> int:
        """A whole number."""
        value = self.text(name)
        if not (value.isascii() and value.isdigit()):
            raise SettingError(f"environment variable {name} must be a whole number, not {value!r}")
        return int(value)

    def drain_function(self) -> str:
        """The name of the drain's function: from the template, or, in the drain itself, the name that Lambda sets."""
        return self.text("DRAIN_FUNCTION" if "DRAIN_FUNCTION" in self._environ else "AWS_LAMBDA_FUNCTION_NAME")

    def in_sam_local(self) -> bool:
        """Whether SAM CLI runs the function on a developer's machine. Its API has no IAM, so nobody can be known."""
        return self._environ.get("AWS_SAM_LOCAL") == "true"
