"""The LSTM recurrence on a block of series, forwards and backwards, compiled by Numba.

Equations: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, as in
``keras.layers.LSTM``; the backward pass is backpropagation through time (Werbos 1990). With
``z = W [h'; x; 1]``, gates ``i, f, o = sigmoid(z)`` and ``g = tanh(z)``, a step is
``c = f c' + i g`` and ``h = o tanh(c)``, where ``h'`` and ``c'`` are those of the step before; a
masked step keeps ``h'`` and ``c'``.

A block holds ``LANES`` series, and the lane is the innermost axis of every array, so that the loops
are vector instructions and each product of matrices is one call of BLAS. Blocks share nothing, so
their results do not depend on the thread that computes them.
Sizes: L lanes, T steps, F inputs, U units, K = U + F + 1.
"""

import numba.experimental.function_type  # noqa: F401 - makes function addresses arguments
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - the address is looked up in it
from numba import njit, types
from numba.extending import get_cython_function_address

LANES = 16
SMALL = 1_000_000
"""Multiplications up to which OpenBLAS treats a product as small and does not copy its matrices."""
F32 = np.float32
HALF, ONE = F32(0.5), F32(1)
UNIT, ZERO = np.ones(1, F32), np.zeros(1, F32)
NORMAL, TRANSPOSED = np.array([ord("N")], np.uint8), np.array([ord("T")], np.uint8)

# Rational approximation of tanh, as Eigen's: error below 4 units in the last place.
EDGE = F32(7.90531110763549805)
ODD = tuple(F32(a) for a in (
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
))  # fmt: skip
EVEN = tuple(F32(b) for b in (
    1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03,
))  # fmt: skip


class Sgemm(types.WrapperAddressProtocol):  # type: ignore[misc]
    """SciPy's single-precision matrix product, callable from compiled code."""

    address = get_cython_function_address("scipy.linalg.cython_blas", "sgemm")
    _numba_type_ = types.FunctionType(types.void(*[types.voidptr] * 13))

    def __wrapper_address__(self) -> int:
        return self.address

    def signature(self) -> types.Type:
        """Return the signature of the compiled function, for Numba."""
        return self._numba_type_.signature


SGEMM = Sgemm()
compiled = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})


@compiled
def _sizes(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - Numba takes plain arrays
    m, n, k, lead_a, lead_b, lead_c
):
    """Return the sizes of a matrix product whose columns are cut into parts that are small.

    They are m, columns of a part, k, three leading dimensions, n, and columns of the last part.
    """
    width = -(-n // -(-m * n * k // SMALL))
    rest = n - (n - 1) // width * width
    return np.array([m, width, k, lead_a, lead_b, lead_c, n, rest], np.int32)


@compiled
def _multiply(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - Numba takes plain arrays
    sgemm, transpose, sizes, a, b, beta, c
):
    """Compute ``c = a b + beta c`` of flat arrays in column-major order."""
    for start in range(0, sizes[6], sizes[1]):
        is_last = start + sizes[1] >= sizes[6]
        sgemm(
            transpose.ctypes, NORMAL.ctypes, sizes.ctypes, sizes[7 if is_last else 1 :].ctypes,
            sizes[2:].ctypes, UNIT.ctypes, a.ctypes, sizes[3:].ctypes,
            b[start * sizes[4] :].ctypes, sizes[4:].ctypes, beta.ctypes,
            c[start * sizes[5] :].ctypes, sizes[5:].ctypes,
        )  # fmt: skip


@compiled
def _tanh(x):  # type: ignore[no-untyped-def]
    x = EDGE if x > EDGE else x  # NaN stays NaN
    x = -EDGE if x < -EDGE else x
    s = x * x
    odd, even = ODD[0], EVEN[0]
    for a in ODD[1:]:
        odd = odd * s + a
    for b in EVEN[1:]:
        even = even * s + b
    return odd * x / even


# Each loop below touches few arrays: with more, LLVM gives up proving that they don't overlap.
@compiled
def _tanhs(z):  # type: ignore[no-untyped-def]
    for k in range(len(z)):
        z[k] = _tanh(z[k])


@compiled
def _sigmoids(z):  # type: ignore[no-untyped-def]
    for k in range(len(z)):
        z[k] = HALF + HALF * _tanh(HALF * z[k])


@compiled
def _cell(i, f, g, before, after):  # type: ignore[no-untyped-def]
    for k in range(len(after)):
        after[k] = f[k] * before[k] + i[k] * g[k]


@compiled
def _output(o, c, h):  # type: ignore[no-untyped-def]
    for k in range(len(h)):
        h[k] = o[k] * _tanh(c[k])


@compiled
def _choose(mask, inside, outside):  # type: ignore[no-untyped-def]
    """Replace the values ``inside (U L,)`` of lanes whose mask is False by those of ``outside``."""
    for start in range(0, len(inside), LANES):
        new, old = inside[start : start + LANES], outside[start : start + LANES]
        for lane in range(LANES):
            new[lane] = new[lane] if mask[lane] else old[lane]


@compiled
def _cell_gradient(dc, dh, o, tanh_c):  # type: ignore[no-untyped-def]
    for k in range(len(dh)):
        dc[k] += dh[k] * o[k] * (ONE - tanh_c[k] * tanh_c[k])


@compiled
def _output_gradient(dh, o, tanh_c):  # type: ignore[no-untyped-def]
    for k in range(len(dh)):
        o[k] = dh[k] * tanh_c[k] * o[k] * (ONE - o[k])


@compiled
def _gate_gradients(dc, i, f, g, before):  # type: ignore[no-untyped-def]
    """Overwrite the gates with the gradients of ``z``, and move ``dc`` one step back."""
    for k in range(len(dc)):
        d, ik, fk, gk = dc[k], i[k], f[k], g[k]
        i[k] = d * gk * ik * (ONE - ik)
        f[k] = d * before[k] * fk * (ONE - fk)
        g[k] = d * ik * (ONE - gk * gk)
        dc[k] = d * fk


@compiled
def forward(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - Numba takes plain arrays
    sgemm, x, mask, w, backwards, keep, inputs, gates, c, h
):
    """Run a block ``x (lanes, T, F)`` with ``mask (T, L)``, ``w (4U, K)`` into ``h (lanes, N, U)``.

    ``inputs (T+1, K L)``, ``gates (T+1, 4U L)`` and ``c (T+1, U L)`` are kept for ``backward``;
    without ``keep`` their first axis is 2. ``h`` holds the last N steps in the order of processing;
    with ``backwards``, processing begins at the last step.
    """
    lanes, n_steps, n_inputs = x.shape
    n_units, first = h.shape[2], n_steps - h.shape[1]
    n, k = n_units * LANES, n_units + n_inputs + 1
    sizes = _sizes(LANES, 4 * n_units, k, LANES, k, LANES)
    w = w.reshape(-1)
    inputs[0, :n], c[0] = 0, 0
    inputs[:, (k - 1) * LANES :] = 1
    for t in range(n_steps):
        step = n_steps - 1 - t if backwards else t
        here, after = (t, t + 1) if keep else (t & 1, 1 - (t & 1))
        now, z, c_after, h_after = inputs[here], gates[here], c[after], inputs[after, :n]
        for lane in range(LANES):
            for j in range(n_inputs):
                now[n + j * LANES + lane] = x[lane, step, j] if lane < lanes else F32(0)
        _multiply(sgemm, NORMAL, sizes, now, w, ZERO, z)
        _sigmoids(z[: 2 * n])
        _tanhs(z[2 * n : 3 * n])
        _sigmoids(z[3 * n :])
        _cell(z[:n], z[n : 2 * n], z[2 * n : 3 * n], c[here], c_after)
        _output(z[3 * n :], c_after, h_after)
        if not mask[step].all():
            _choose(mask[step], c_after, c[here])
            _choose(mask[step], h_after, now[:n])
        for lane in range(lanes if t >= first else 0):
            row = h[lane, t - first]
            for u in range(n_units):
                row[u] = h_after[u * LANES + lane]


@compiled
def backward(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - Numba takes plain arrays
    sgemm, dh_out, mask, w, backwards, inputs, gates, c, dx, dw
):
    """Compute the gradients of a block from ``dh_out (lanes, N, U)``.

    They are written to ``dx (lanes, T, F)`` and ``dw (4U, K)``. ``w`` is ``(K, 4U)``; the gates are
    overwritten.
    """
    lanes, n_steps, n_inputs = dx.shape
    n_units, first = dh_out.shape[2], n_steps - dh_out.shape[1]
    n, k = n_units * LANES, n_units + n_inputs + 1
    back = _sizes(LANES, k, 4 * n_units, LANES, 4 * n_units, LANES)
    outer = _sizes(k, 4 * n_units, LANES, LANES, LANES, k)
    nothing = np.zeros(n, F32)
    dh, dc, passed_h, passed_c = nothing.copy(), nothing.copy(), nothing.copy(), nothing.copy()
    tanh_c, d_inputs = nothing.copy(), np.empty(k * LANES, F32)
    w, dw = w.reshape(-1), dw.reshape(-1)
    dw[:] = 0
    for t in range(n_steps - 1, -1, -1):
        step = n_steps - 1 - t if backwards else t
        for lane in range(lanes if t >= first else 0):
            row = dh_out[lane, t - first]
            for u in range(n_units):
                dh[u * LANES + lane] += row[u]
        partly = not mask[step].all()
        if partly:
            passed_h[:], passed_c[:] = dh, dc
            _choose(mask[step], dh, nothing)
            _choose(mask[step], dc, nothing)
        z = gates[t]
        tanh_c[:] = c[t + 1]
        _tanhs(tanh_c)
        _cell_gradient(dc, dh, z[3 * n :], tanh_c)
        _output_gradient(dh, z[3 * n :], tanh_c)
        _gate_gradients(dc, z[:n], z[n : 2 * n], z[2 * n : 3 * n], c[t])
        _multiply(sgemm, NORMAL, back, z, w, ZERO, d_inputs)
        _multiply(sgemm, TRANSPOSED, outer, inputs[t], z, UNIT, dw)
        dh[:] = d_inputs[:n]
        if partly:
            _choose(mask[step], dh, passed_h)
            _choose(mask[step], dc, passed_c)
        for lane in range(lanes):
            row = dx[lane, step]
            for j in range(n_inputs):
                row[j] = d_inputs[n + j * LANES + lane]


def compile_kernel() -> None:
    """Compile both passes, or read them from the cache of an earlier call."""
    x, mask, w = np.zeros((1, 1, 1), F32), np.ones((1, LANES), bool), np.zeros((4, 3), F32)
    kept = [np.zeros((2, width * LANES), F32) for width in (3, 4, 1)]
    forward(SGEMM, x, mask, w, False, True, *kept, x)
    backward(SGEMM, x, mask, np.ascontiguousarray(w.T), False, *kept, x.copy(), w.copy())
