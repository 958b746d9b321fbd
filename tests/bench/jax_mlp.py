#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The same training in JAX: images/s of the training loop, on one line.

    jax_mlp.py --data DIR --hidden 1024,1024 --batch 256 --epochs 3     one process, all cores

The data lies on the device; one jitted function runs a whole epoch (lax.scan over the
batches of a new permutation).  --bf16 computes the matrix products in bfloat16.
"""
import time

import jax
import jax.numpy as jnp

from mlp import parse, training_set


def main():
    options = parse("--bf16")

    x, y = map(jnp.asarray, training_set(options.data))
    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}[options.activation]
    operand = jnp.bfloat16 if options.bf16 else jnp.float32
    widths = [x.shape[1]] + [int(w) for w in options.hidden.split(",") if w] + [10]
    key = jax.random.key(1)
    parameters = []
    for i, o in zip(widths, widths[1:]):
        key, drawn = jax.random.split(key)
        bound = (6 / (i + o)) ** 0.5
        parameters.append((jax.random.uniform(drawn, (i, o), minval=-bound, maxval=bound), jnp.zeros(o)))
    velocity = jax.tree.map(jnp.zeros_like, parameters)

    def loss_of(parameters, images, labels):
        a = images
        for layer, (w, b) in enumerate(parameters):
            z = jnp.dot(a.astype(operand), w.astype(operand), preferred_element_type=jnp.float32) + b
            a = activation(z) if layer + 1 < len(parameters) else z
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(a), labels[:, None], axis=1))

    def step(state, samples):
        parameters, velocity = state
        gradient = jax.grad(loss_of)(parameters, x[samples], y[samples])
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, gradient)
        parameters = jax.tree.map(lambda p, v: p - 0.01 * v, parameters, velocity)
        return (parameters, velocity), None

    full = len(x) // options.batch * options.batch

    @jax.jit
    def epoch(state, key):
        order = jax.random.permutation(key, len(x))
        state, _ = jax.lax.scan(step, state, order[:full].reshape(-1, options.batch))
        return step(state, order[full:])[0] if full < len(x) else state

    state = jax.block_until_ready(epoch((parameters, velocity), key))  # compiles, warms up
    begun = time.perf_counter()
    for _ in range(options.epochs):
        key, drawn = jax.random.split(key)
        state = epoch(state, drawn)
    jax.block_until_ready(state)
    print(f"{options.epochs * len(x) / (time.perf_counter() - begun):.0f}")


main()
