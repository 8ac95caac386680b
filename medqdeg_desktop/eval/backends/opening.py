"""From a specification to a backend that is ready to be asked; each library is imported only here and only when named."""

from __future__ import annotations

import importlib.util

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.eval.backends.base import Backend, FatalError
from medqdeg_desktop.eval.costs import Meter
from medqdeg_desktop.eval.egress import TransferLog
from medqdeg_desktop.eval.plan import EvaluateOptions
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.eval.spec import ModelSpec


def require_clients(spec: ModelSpec) -> None:
    """FatalError where ``spec`` names a server and the extra ``api`` (HTTP client, keyring) is not installed."""
    if spec.base_urls and (importlib.util.find_spec("httpx") is None or importlib.util.find_spec("keyring") is None):
        raise FatalError("models behind a server need the extra 'api': pip install 'medqdeg-desktop[api]'")


def open_backend(
    spec: ModelSpec, options: EvaluateOptions, dataset: Dataset, log: TransferLog | None, meter: Meter | None = None
) -> Backend:
    """Raises FatalError or KeyMissingError in one line for what cannot be opened."""
    # The same model on the same dataset draws the same trials, whatever the study and the machine.
    seed = f"{dataset.sha256}/{spec.stable_name}"
    if spec.kind == "baseline":
        from medqdeg_desktop.eval.backends.baseline import BaselineBackend

        return BaselineBackend(spec.name, options.decoding, seed, questions(dataset) if spec.name == "prior" else ())
    if spec.kind == "local":
        from medqdeg_desktop.eval.backends.local import LocalBackend

        return LocalBackend(
            spec.folder,
            options.decoding,
            seed,
            batch_size=options.batch_size,
            precision=options.precision,
            trust_remote_code=options.trust_remote_code,
        )
    require_clients(spec)
    from medqdeg_desktop.eval.backends.http import Servers

    servers = Servers(spec.base_urls, log, meter=meter)
    most = options.concurrency * len(spec.base_urls)
    concurrency = (max(1, most // 4), most)
    if spec.kind == "anthropic":
        from medqdeg_desktop.eval.backends.anthropic import AnthropicBackend

        return AnthropicBackend(spec.name, servers, options.decoding, concurrency)
    from medqdeg_desktop.eval.backends.openai import OpenAIBackend

    return OpenAIBackend(spec.name, servers, options.decoding, seed, concurrency)
