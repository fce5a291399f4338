"""Folds batch normalisation into the layer before it: the form in which networks are shipped."""

from __future__ import annotations

from collections import Counter

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Fold every batch normalisation into the convolution or linear layer that alone feeds it, in place.

    The network must be in evaluation mode; its results stay the same up to rounding, and it can
    no longer be trained as before. A normalisation of anything else, or of a layer whose output is used
    elsewhere too, stays as it is.

    Returns:
        The same network.
    """
    for layer_name, norm_name in foldable(network):
        _fold(network, layer_name, norm_name)
    return network


def foldable(network: nn.Module) -> list[tuple[str, str]]:
    """Return the names of each layer and of the batch normalisation that can be folded into it."""
    graph = fx.Tracer().trace(network)
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    pairs = []
    for node in graph.nodes:
        source = _only_source(node)
        if source is None or calls[node.target] > 1 or calls[source.target] > 1:
            continue
        layer, norm = (network.get_submodule(str(call.target)) for call in (source, node))
        if isinstance(norm, _NORMS) and isinstance(layer, _LAYERS):
            pairs.append((str(source.target), str(node.target)))
    return pairs


def _only_source(node: fx.Node) -> fx.Node | None:
    """Return the module call that feeds `node` and nothing else, if there is one."""
    source = node.args[0] if node.op == "call_module" and node.args else None
    if isinstance(source, fx.Node) and source.op == "call_module" and len(source.users) == 1:
        return source
    return None


def _fold(network: nn.Module, layer_name: str, norm_name: str) -> None:
    layer, norm = network.get_submodule(layer_name), network.get_submodule(norm_name)
    assert isinstance(norm, _NORMS)
    if isinstance(layer, nn.Linear):
        _replace(network, layer_name, fuse_linear_bn_eval(layer, norm))
    else:
        assert isinstance(layer, nn.Conv1d | nn.Conv2d)
        _replace(network, layer_name, fuse_conv_bn_eval(layer, norm))
    _replace(network, norm_name, nn.Identity())


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)
