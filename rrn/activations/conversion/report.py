"""Report of `replace_activations`: what was replaced, what was left, and what was not reached."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn


@dataclass(frozen=True)
class Replaced:
    """Result of `replace_activations`; as text it is a report. The name of the model itself is ""."""

    replaced: dict[str, str]  # name of each site: what happened there, such as "ReLU -> Rational(relu)"
    left: dict[str, str]  # name of each activation that was not replaced: why
    functional: dict[str, str]  # name of each module that calls activations as functions: which ones
    untraceable: str | None  # why torch.fx could not trace all of the model; `functional` may then lack some
    parameters: tuple[nn.Parameter, ...] = field(repr=False, compare=False)  # the new trainable ones
    untrained: tuple[nn.Parameter, ...] = field(repr=False, compare=False)  # those of them in no optimizer of the model
    unsure: tuple[str, ...] = ()  # names of those replaced that changed their input where torch.fx could not follow

    def __str__(self) -> str:
        lines = [f"Replaced: {len(self.replaced)} activations.", *_grouped(self.replaced)]
        if self.left:
            lines += ["Left as they were:", *_grouped(self.left)]
        if self.functional:
            lines += ["Not reached, since the model calls them as functions:", *_grouped(self.functional)]
        if self.untraceable:
            lines.append(f"There may be more such calls; torch.fx could not follow the model: {self.untraceable}")
        if self.unsure:
            lines.append(
                "These changed their input in place, a rational does not; check that the model uses their result, as "
                f"in x = act(x): {', '.join(self.unsure)}"
            )
        if self.untrained:
            lines.append(
                f"{len(self.untrained)} new parameters are in no optimizer of the model. If one was made before, give "
                'them to it: optimizer.add_param_group({"params": report.untrained}).'
            )
        return "\n".join(lines)


def _grouped(texts: dict[str, str]) -> list[str]:
    """Return a line for each different text, with the names it is about."""
    lines: dict[str, list[str]] = {}
    for name, text in texts.items():
        lines.setdefault(text, []).append(name or "the model itself")
    return [f"  {text}: {', '.join(names)}" for text, names in lines.items()]
