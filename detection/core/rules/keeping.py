"""The state of a camera's rules from one run of the program to the next. Pure: where it is kept is somebody else's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.core.rules.base import JSON, Binding

CLASS = "class_id"  # under this name every rule keeps the class of an object
LONG_S = 86_400.0  # a wall clock that was set back says nothing of how long it was: it is taken for long


class KeptRule(BaseModel):
    """One rule's state, and the fingerprint of the binding that it is of.

    binding: its values (`values_of`), so that what is open can be ended when it is no longer there; an older program kept none.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    of: str
    state: dict[str, Any]
    binding: dict[str, Any] | None = None


class Kept(BaseModel):
    """A pipeline's snapshot. wall_time: Unix seconds of its latest frame. classes: the model's, by class id."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1] = 1
    wall_time: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    classes: list[str]
    rules: dict[str, KeptRule]

    def as_json(self) -> dict[str, JSON]:
        return self.model_dump()

    def away_s(self, wall_time: float) -> float:
        """Seconds between the snapshot's latest frame and one at `wall_time`."""
        gap = wall_time - self.wall_time
        return gap if gap >= 0 else LONG_S

    def state_of(self, binding: Binding) -> dict[str, JSON] | None:
        """The state of the binding's rule; None when there is none. ValueError: it is of another configuration."""
        kept = self.rules.get(binding.bind_id)
        if kept is None:
            return None
        if kept.of != fingerprint(binding):
            raise ValueError("its state is of another configuration")
        return kept.state


def read_kept(state: object, class_names: Sequence[str]) -> Kept:
    """The snapshot that `Kept.as_json` made. Raises ValueError when it is none.

    Of a model with other classes (`class_names`) it goes on by their names: who is of a class that is no more is forgotten.
    """
    try:
        kept = Kept.model_validate(state)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"unusable state: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if kept.classes == list(class_names):
        return kept
    new = {name: index for index, name in enumerate(class_names)}
    ids = {index: new[name] for index, name in enumerate(kept.classes) if name in new}
    rules = {
        bind_id: rule.model_copy(update={"state": _translated(rule.state, ids)}) for bind_id, rule in kept.rules.items()
    }
    return kept.model_copy(update={"classes": list(class_names), "rules": rules})


def _translated(value: Any, ids: Mapping[int, int]) -> Any:
    """A rule's state with other class ids; objects in its lists that are of a class without one are left out."""
    if isinstance(value, list):
        return [_translated(each, ids) for each in value if not _is_of_no_class(each, ids)]
    if not isinstance(value, dict):
        return value
    return {
        key: ids.get(each, each) if key == CLASS and isinstance(each, int) else _translated(each, ids)
        for key, each in value.items()
    }


def _is_of_no_class(value: Any, ids: Mapping[int, int]) -> bool:
    return isinstance(value, dict) and isinstance(of := value.get(CLASS), int) and of not in ids


def fingerprint(binding: Binding) -> str:
    """The same for bindings whose state means the same: 32 hexadecimal digits of the SHA-256 of its values as JSON."""
    return fingerprint_of(values_of(binding))


def values_of(binding: Binding) -> dict[str, JSON]:
    """All values of a binding as JSON."""
    values = asdict(binding) | {"params": binding.params.model_dump(mode="json")}
    found: dict[str, JSON] = json.loads(json.dumps(values))
    return found


def fingerprint_of(values: Mapping[str, JSON]) -> str:
    """Of a binding with these values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
