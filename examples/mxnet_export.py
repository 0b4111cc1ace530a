"""Train a Gluon network with rationals a moment, export it, and read it without its Python code.

The environment is one of its own: pip install "rrn[mxnet]".
"""

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon
from mxnet.gluon import nn

import rrn.mxnet  # also where an export is read: it registers the operator


def network() -> nn.HybridSequential:
    """A small convolutional network; its last two activations are one rational, whose coefficients they share."""
    shared = rrn.mxnet.Rational("swish")
    net = nn.HybridSequential()
    with net.name_scope():
        net.add(nn.Conv2D(8, 3), rrn.mxnet.Rational("leaky_relu", groups=8))  # a row of coefficients per channel
        net.add(nn.Conv2D(8, 3), shared, nn.Dense(16), shared, nn.Dense(2))
    return net


def rings(count: int) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
    """Pictures of a ring or of a disc, with noise, [count, 1, 8, 8], and which of the two it is, [count]."""
    random = np.random.default_rng(0)
    label = random.integers(0, 2, count)
    radius = np.hypot(*np.mgrid[-3.5:4, -3.5:4])
    pictures = np.where(label[:, None, None] == 1, abs(radius - 3) < 0.8, radius < 2.5)
    noise = random.normal(size=pictures.shape)
    return mx.nd.array((pictures + noise)[:, None]), mx.nd.array(label)


def main() -> None:
    mx.random.seed(0)
    x, label = rings(256)
    net = network()
    net.initialize(mx.init.Xavier())
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.003})
    loss_function = gluon.loss.SoftmaxCrossEntropyLoss()
    for step in range(31):
        with autograd.record():
            loss = loss_function(net(x), label).mean()
        loss.backward()
        trainer.step(1)
        if step % 10 == 0:
            print(f"step {step}: loss {loss.asscalar():.3f}")

    net.export("rings")  # rings-symbol.json and rings-0000.params
    read = gluon.SymbolBlock.imports("rings-symbol.json", ["data"], "rings-0000.params")
    print("Equal outputs:", np.array_equal(read(x).asnumpy(), net(x).asnumpy()))
    numerator, denominator = net[3].coefficients()
    print("Shared rational:", numerator.round(3), denominator.round(3))


if __name__ == "__main__":
    main()
