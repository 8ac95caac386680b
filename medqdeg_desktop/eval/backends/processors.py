"""A model folder's processor, also where torchvision is not installed.

transformers 5 gives families that know video (Qwen-VL and others) a video processor, which needs torchvision. Questions here
hold pictures only, so that such a processor is opened without its video part rather than refused.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any


def images_only(processor_class: Any) -> Any:
    """``processor_class`` without the parts that read video; the class itself where torchvision is there to read it."""
    if importlib.util.find_spec("torchvision") is not None:
        return processor_class
    parts = [name for name in processor_class.get_attributes() if "video" not in name]
    if len(parts) == len(processor_class.get_attributes()):
        return processor_class
    # The same name, so that a folder saved by it says what it is.
    return type(processor_class.__name__, (processor_class,), {"get_attributes": classmethod(lambda cls: list(parts))})


def load_processor(transformers: Any, folder: Path, **common: Any) -> Any:
    """The processor of ``folder``. Raises what transformers raises for a folder it cannot open."""
    named = getattr(transformers, _class_name(folder), None)
    if named is not None and images_only(named) is not named:
        return images_only(named).from_pretrained(folder, **common)
    return transformers.AutoProcessor.from_pretrained(folder, **common)


def _class_name(folder: Path) -> str:
    for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        path = folder / name
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8")).get("processor_class")
            if isinstance(found, str):
                return found
    return ""
