"""What AWS documents and an emulator forgives, as checks on what is really deployed.

Each rule is a function of the transformed template; what it yields are the faults, in words, and its docstring names
AWS's page. They run before each local deployment, and the tests show each of them red on a small bad document.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.rules import accepted, imported, permissions, ranges, resource_rules

Rule = Callable[[Mapping[str, Any]], Iterator[str]]

RULES: tuple[Rule, ...] = (*imported.RULES, *resource_rules.RULES, *accepted.RULES, *permissions.RULES, *ranges.RULES)


def faults(template: Mapping[str, Any]) -> list[str]:
    """What AWS would refuse, or accept and not do, in this transformed template."""
    return [f"{rule.__name__}: {fault}" for rule in RULES for fault in rule(template)]
