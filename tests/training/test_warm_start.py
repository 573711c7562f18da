"""What ships can be trained on: the exported graph, read back, is the same function."""

import copy
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from vcam.errors import BadInput, ModelMissing  # noqa: E402
from vcam.training.export import export_generator  # noqa: E402
from vcam.training.export_small import SMALL_NETS, export_small  # noqa: E402
from vcam.training.mix import mix  # noqa: E402
from vcam.training.networks import TINY, AeiNet  # noqa: E402
from vcam.training.small_nets import SlopedRelu  # noqa: E402
from vcam.training.warm_start import frozen, grown, warm_start  # noqa: E402

pytestmark = pytest.mark.train


def settled(net, run):
    """A net whose batch norms have seen something, with unequal gains, and no weight left at 0."""
    torch.manual_seed(1)
    net.train()
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d) and not module.weight.any():
            torch.nn.init.normal_(module.weight, 0, 0.05)
        if isinstance(module, torch.nn.BatchNorm2d) and module.affine:
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
        if isinstance(module, SlopedRelu):
            torch.nn.init.uniform_(module.weight, -0.5, 1.5)
    with torch.no_grad():
        for _ in range(3):
            run(net)
    return net.eval()


@pytest.mark.parametrize("name", ["detector", "landmarks", "embedder", "regions"])
def test_a_small_net_read_back_is_the_same_function(name, tmp_path):
    crops = torch.rand(4, *SMALL_NETS[name].shape[1:]) * 2 - 1

    def run(net):
        return net(crops)

    trained = settled(SMALL_NETS[name].build(), run)
    fresh = SMALL_NETS[name].build()
    warm_start(fresh, export_small(name, trained, tmp_path), run)
    assert fresh.training
    with torch.no_grad():
        expected, found = run(trained), run(fresh.eval())
    pairs = zip(expected, found, strict=True) if isinstance(expected, tuple) else [(expected, found)]
    for wanted, value in pairs:
        torch.testing.assert_close(value, wanted, atol=0.02 * wanted.abs().max().item(), rtol=0.02)  # stored as float16


def test_the_generator_read_back_is_the_same_function_in_training_too(tmp_path):
    targets = torch.rand(8, 3, 64, 64) * 2 - 1
    identities = torch.nn.functional.normalize(torch.randn(8, 512))

    def run(net):
        return net(targets, identities)

    trained = settled(AeiNet(TINY), run)
    export_generator(trained, tmp_path)
    fresh = AeiNet(TINY)
    warm_start(fresh, tmp_path / "generator.onnx", run, prefix="")
    warm_start(fresh.identity, tmp_path / "identity.onnx", lambda net: net(identities))
    fresh.identity.unfold()
    with torch.no_grad():
        (wanted, wanted_mask), (found, found_mask) = run(trained), run(fresh.eval())
    torch.testing.assert_close(found, wanted, atol=0.01, rtol=0.01)
    torch.testing.assert_close(found_mask, wanted_mask, atol=0.05, rtol=0.02)


def test_a_generator_goes_on_with_wider_identity_layers(tmp_path):
    targets = torch.rand(2, 3, 64, 64) * 2 - 1
    identities = torch.nn.functional.normalize(torch.randn(2, 512))
    narrow = settled(AeiNet(TINY), lambda net: net(targets, identities))
    export_generator(narrow, tmp_path)
    wide = AeiNet(replace(TINY, identity_channels=48))
    warm_start(wide.identity, tmp_path / "identity.onnx", lambda net: net(identities))
    wide.identity.unfold()
    with torch.no_grad():
        torch.testing.assert_close(wide.identity(identities), narrow.identity(identities), atol=0.01, rtol=0.01)
        wide.identity.styles.weight.normal_()  # what the new channels have learnt
        half = mix(narrow, copy.deepcopy(wide), 0.5).identity.eval()(identities)
        apart = (half - narrow.identity(identities)).abs().max()
        assert apart > 0.1
        torch.testing.assert_close(mix(narrow, wide, 0).identity(identities), narrow.identity(identities))


def test_nothing_but_a_wider_layer_is_grown():
    for narrow, wide in ((torch.ones(4, 2), torch.zeros(3, 5)), (torch.ones(2, 2, 3, 3), torch.zeros(4, 2, 3, 3))):
        assert grown(narrow, wide) is narrow


def test_a_frozen_net_lets_gradients_through_and_keeps_none(tmp_path):
    crops = (torch.rand(2, 3, 112, 112) * 2 - 1).requires_grad_()
    trained = settled(SMALL_NETS["embedder"].build(), lambda net: net(crops.detach()))
    net = frozen(SMALL_NETS["embedder"].build(), export_small("embedder", trained, tmp_path), crops)
    found = net(crops)
    torch.testing.assert_close(found, trained(crops), atol=0.02 * found.abs().max().item(), rtol=0.02)
    found.sum().backward()
    assert crops.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_weights_of_another_architecture_are_refused(tmp_path):
    export_generator(AeiNet(TINY), tmp_path)
    net = SMALL_NETS["landmarks"].build()
    with pytest.raises(BadInput, match="another architecture"):
        warm_start(net, tmp_path / "generator.onnx", lambda model: model(torch.zeros(1, 3, 128, 128)))


def test_a_missing_pack_is_named(tmp_path):
    net = SMALL_NETS["landmarks"].build()
    with pytest.raises(ModelMissing, match=r"landmarks\.onnx"):
        warm_start(net, tmp_path / "landmarks.onnx", lambda model: model(torch.zeros(1, 3, 128, 128)))
