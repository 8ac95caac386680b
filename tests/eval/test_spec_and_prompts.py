"""What a specification names, and the exact words a model is given."""

from __future__ import annotations

import pytest

from medqdeg_desktop.eval.prompts import prompt_hash, prompt_text, rotated
from medqdeg_desktop.eval.spec import ModelSpec, SpecError, parse_spec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("local:models/tiny", ModelSpec("local", "models/tiny")),
        ("local:C:\\models\\tiny", ModelSpec("local", "C:\\models\\tiny")),
        ("baseline:uniform", ModelSpec("baseline", "uniform")),
        ("openai:m@http://127.0.0.1:8000/v1", ModelSpec("openai", "m", ("http://127.0.0.1:8000/v1",))),
        ("openai:org/m@rev@http://h/v1/", ModelSpec("openai", "org/m@rev", ("http://h/v1",))),
        ("openai:m@http://a/v1,https://b:1/v1", ModelSpec("openai", "m", ("http://a/v1", "https://b:1/v1"))),
        ("anthropic:m", ModelSpec("anthropic", "m", ("https://api.anthropic.com",))),
        ("anthropic:m@http://[::1]:9", ModelSpec("anthropic", "m", ("http://[::1]:9",))),
    ],
)
def test_a_specification_is_read(text: str, spec: ModelSpec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tiny", "is no model"),
        ("local:", "is no model"),
        ("baseline:oracle", "is unknown; there are uniform and prior"),
        ("openai:m", "names no server"),
        ("openai:@http://h", "names no server"),
        ("openai:m@http://", "no address"),
        ("openai:m@http://h:port/v1", "is no address"),
        ("openai:m@http://user:secret@h/v1", "carries a key"),
        ("openai:m@https://h/v1?api_key=secret", "goes on after a"),
        ("anthropic:m@https://h#secret", "goes on after a"),
        ("gemini:m", "is no kind of model"),
    ],
)
def test_what_names_nothing_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        parse_spec(text)
    assert "secret" not in str(caught.value)


def test_hosts_and_labels_leave_ports_and_servers_out() -> None:
    spec = parse_spec("openai:m@http://A.example:1/v1,http://a.example:2/v1")
    assert spec.hosts == ("a.example",)
    assert spec.label == "m"
    assert parse_spec("local:/models/medgemma-4b/").label == "medgemma-4b"


def test_the_direct_prompt_is_the_published_one() -> None:
    assert prompt_text("What is seen?", {"A": "Cyst", "B": "Mass", "F": "Other"}) == (
        "What is seen?\n\nA. Cyst\nB. Mass\nF. Other\n\nAnswer with the option letter from the given choices directly."
    )


def test_the_verbal_prompt_asks_for_the_answer_before_the_number() -> None:
    text = prompt_text("Q", {"A": "x", "B": "y"}, "verbal")
    assert text.index("Answer: <letter>") < text.index("Confidence: <0-100")


def test_prompts_have_hashes_of_their_own() -> None:
    assert prompt_hash() != prompt_hash("verbal")
    assert len({prompt_hash(), prompt_hash()}) == 1


def test_rotation_moves_texts_and_maps_letters_back() -> None:
    options = {"A": "x", "B": "y", "C": "z"}
    for shift in range(5):
        shown, own = rotated(options, shift)
        assert list(shown) == ["A", "B", "C"]
        assert all(options[own[letter]] == text for letter, text in shown.items())
    assert rotated(options, 1)[0] == {"A": "z", "B": "x", "C": "y"}
    assert rotated(options, 0)[0] == options
