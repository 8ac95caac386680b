"""Linear layers through oneDNN give what PyTorch's own give."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")
pytestmark = pytest.mark.local_model


def test_layers_compute_the_same_through_onednn_in_any_shape_and_go_back_for_other_types() -> None:
    from medqdeg_desktop.eval.backends.onednn import use_onednn

    generator = torch.Generator().manual_seed(0)

    class Other(torch.nn.Linear):
        """A layer with a forward pass of its own, as quantised and adapted ones are."""

        def forward(self, x: object) -> str:
            return "its own"

    model = torch.nn.ModuleList([torch.nn.Linear(48, 96), torch.nn.Linear(48, 10, bias=False), Other(4, 4)])
    before = [layer.weight for layer in model[:2]]
    count = use_onednn(model)
    if count == 0:
        pytest.skip("no oneDNN on this processor")
    assert count == 2 and model[2](None) == "its own"
    with torch.inference_mode():
        for shape in ((3, 7, 48), (1, 48), (48,), (0, 48), (300, 48)):
            x = torch.randn(shape, generator=generator)
            for layer, weight in zip(model[:2], before, strict=True):
                assert layer.weight is weight, "nothing is packed or copied"
                torch.testing.assert_close(layer(x), torch.nn.functional.linear(x, weight, layer.bias), rtol=1e-5, atol=1e-6)
        # A view whose rows do not follow each other.
        x = torch.randn(5, 9, 96, generator=generator)[:, ::2, ::2]
        expected = torch.nn.functional.linear(x, before[0], model[0].bias)
        torch.testing.assert_close(model[0](x), expected, rtol=1e-5, atol=1e-6)
        half = model[0].to(torch.bfloat16)
        assert half(torch.randn(2, 48, generator=generator).bfloat16()).dtype is torch.bfloat16
