# SPDX-License-Identifier: Apache-2.0
"""The service's configuration: environment variables, read once, checked, and then immutable."""

import dataclasses
import os
import pathlib
import tempfile
from typing import FrozenSet, Mapping, Optional

#: One name for each hidden blocking call. OCR_<NAME>=broken|mended overrides OCR_MODE for it.
FEATURES = (
    "recognise",
    "image",
    "log",
    "sleep",
    "file_read",
    "fsync",
    "mmap",
    "json",
    "subprocess",
    "query",
    "gil",
    "lock",
    "many",
)

#: The features whose mended form hands work to the worker processes.
POOLED_FEATURES = frozenset({"image", "mmap", "json", "subprocess", "gil"})

_OTHER_VARIABLES = (
    "OCR_MODE",
    "OCR_SERVER_URL",
    "OCR_LOG_URL",
    "OCR_DATABASE_URL",
    "OCR_DATA_DIR",
    "OCR_WORKERS",
)


class SettingsError(ValueError):
    """An environment variable that the service cannot use; the message is one sentence."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that the environment may choose."""

    broken: FrozenSet[str]
    ocr_url: str
    log_url: str
    database_url: Optional[str]
    data_dir: pathlib.Path
    workers: int

    def holds_loop(self, feature: str) -> bool:
        """Whether `feature` runs in the form that holds the event loop."""
        if feature not in FEATURES:
            raise KeyError(feature)
        return feature in self.broken

    def needs_workers(self) -> bool:
        """Whether any mended feature needs the worker processes."""
        return bool(POOLED_FEATURES - self.broken)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads the OCR_* variables. Raises SettingsError for an unknown one or a bad value."""
    _reject_unknown(environment)
    mode = _form(environment, "OCR_MODE", "broken")
    broken = frozenset(
        feature
        for feature in FEATURES
        if _form(environment, f"OCR_{feature.upper()}", mode) == "broken"
    )
    default_data_dir = os.path.join(tempfile.gettempdir(), "ocr_service")
    return Settings(
        broken=broken,
        ocr_url=environment.get("OCR_SERVER_URL", "http://127.0.0.1:8101/recognise"),
        log_url=environment.get("OCR_LOG_URL", "http://127.0.0.1:8102/records"),
        database_url=environment.get("OCR_DATABASE_URL") or None,
        data_dir=pathlib.Path(environment.get("OCR_DATA_DIR", default_data_dir)),
        workers=_worker_count(environment),
    )


def _reject_unknown(environment: Mapping[str, str]) -> None:
    known = set(_OTHER_VARIABLES) | {f"OCR_{feature.upper()}" for feature in FEATURES}
    for name in sorted(environment):
        if name.startswith("OCR_") and name not in known:
            raise SettingsError(f"The environment variable {name} is not known.")


def _form(environment: Mapping[str, str], name: str, default: str) -> str:
    value = environment.get(name, default)
    if value not in ("broken", "mended"):
        raise SettingsError(f"{name} must be broken or mended, not {value!r}.")
    return value


def _worker_count(environment: Mapping[str, str]) -> int:
    text = environment.get("OCR_WORKERS", "3")
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise SettingsError(f"OCR_WORKERS must be a number from 1 to 64, not {text!r}.")
    return int(text)
