"""The LSTM recurrence, forwards and backwards, and pooled convolutions, compiled by Numba.

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
summing = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
"""Decorator of sums, whose order may change so that they become vector instructions."""
STEPS = 512
"""Steps that are convolved at once: their outputs fit the processor's cache."""


@compiled
def _sizes(  # type: ignore[no-untyped-def]
    m, n, k, lead_a, lead_b, lead_c
):
    """Return the sizes of a matrix product whose columns are cut into parts that are small.

    They are m, columns of a part, k, three leading dimensions, n, and columns of the last part.
    """
    width = -(-n // -(-m * n * k // SMALL))
    rest = n - (n - 1) // width * width
    return np.array([m, width, k, lead_a, lead_b, lead_c, n, rest], np.int32)


@compiled
def _multiply(  # type: ignore[no-untyped-def]
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


@summing
def _sum_above(row, factor, offset):  # type: ignore[no-untyped-def]
    total = F32(0)
    for k in range(len(row)):
        value = row[k] * factor + offset
        value = F32(0) if value < F32(0) else value
        total += F32(6) if value > F32(6) else value
    return total


@summing
def _sum_of_wins(row, best, counts_value):  # type: ignore[no-untyped-def]
    total = F32(0)
    for k in range(len(row)):
        value = F32(0) if row[k] < F32(0) else row[k]
        value = F32(6) if value > F32(6) else value
        value = value if counts_value else ONE
        total += value if row[k] == best[k] else F32(0)
    return total


@compiled
def _add_product(out, weight, row):  # type: ignore[no-untyped-def]
    for k in range(len(out)):
        out[k] += weight * row[k]


@compiled
def _add_slope(d_out, out, factor, offset, slope):  # type: ignore[no-untyped-def]
    for k in range(len(d_out)):
        value = out[k] * factor + offset
        d_out[k] += slope if F32(0) < value < F32(6) else F32(0)


@compiled
def _add_win(d_out, out, best, d_win):  # type: ignore[no-untyped-def]
    for k in range(len(d_out)):
        wins = out[k] == best[k] and F32(0) < out[k] < F32(6)
        d_out[k] += d_win if wins else F32(0)


@compiled
def _better(best, row, highest):  # type: ignore[no-untyped-def]
    if highest:
        for k in range(len(best)):
            best[k] = row[k] if row[k] > best[k] else best[k]
    else:
        for k in range(len(best)):
            best[k] = row[k] if row[k] < best[k] else best[k]


@compiled
def _pad(view, padded, around):  # type: ignore[no-untyped-def]
    for t in range(view.shape[0]):
        for c in range(view.shape[1]):
            padded[c, around + t] = view[t, c]


@compiled
def _convolve(padded, start, n, weights, dilation, out):  # type: ignore[no-untyped-def]
    """Write outputs ``(M, n)`` of the kernels for n steps, the first of which is ``start``."""
    n_channels = len(padded)
    for m in range(len(out)):
        row = out[m, :n]
        row[:] = 0
        for k in range(weights.shape[0] // n_channels):
            first = start + k * dilation
            for c in range(n_channels):
                weight = weights[k * n_channels + c, m]
                if weight != 0:
                    _add_product(row, weight, padded[c, first : first + n])


@compiled
def _compete(out, n, best, highest):  # type: ignore[no-untyped-def]
    """Write each group's highest, or lowest, output at each step to ``best (groups, n)``."""
    for m in range(len(out)):
        if m < len(best):
            best[m, :n] = out[m, :n]
        else:
            _better(best[m % len(best), :n], out[m, :n], highest)


@compiled
def pool_bank(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - Numba takes plain arrays
    view, lengths, weights, offsets, factor, dilation, n_groups, highest, above, wins
):
    """Pool the outputs of a bank of M kernels over the steps of ``view (n, T, C)``.

    lengths ``(n,)``: steps inside each series. weights: ``(width * C, M)``. Written are sums over
    these steps: to ``above (n, S, M)`` those of ``factor * output + offsets (S, M)``, cut to 0 to
    6; to ``wins (n, M)`` those of the steps at which a kernel has the highest output of its group
    (the output, cut to 0 to 6), or the lowest (1). Kernel m is in group ``m % n_groups``.
    """
    n_channels, n_kernels = view.shape[2], weights.shape[1]
    around = (weights.shape[0] // n_channels) // 2 * dilation
    padded = np.zeros((n_channels, view.shape[1] + 2 * around), F32)
    out, best = np.empty((n_kernels, STEPS), F32), np.empty((n_groups, STEPS), F32)
    above[:], wins[:] = 0, 0
    for series in range(len(view)):
        _pad(view[series], padded, around)
        for start in range(0, lengths[series], STEPS):
            n = min(STEPS, lengths[series] - start)
            _convolve(padded, start, n, weights, dilation, out)
            _compete(out, n, best, highest)
            for m in range(n_kernels):
                for s in range(len(offsets)):
                    above[series, s, m] += _sum_above(out[m, :n], factor, offsets[s, m])
                wins[series, m] += _sum_of_wins(out[m, :n], best[m % n_groups, :n], highest)


@compiled
def pool_bank_gradient(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - Numba takes plain arrays
    view, lengths, weights, offsets, factor, dilation, n_groups, highest, d_above, d_wins, d_view
):
    """Write the gradient of ``view`` from those of the sums that ``pool_bank`` writes."""
    n_channels, n_kernels = view.shape[2], weights.shape[1]
    around = (weights.shape[0] // n_channels) // 2 * dilation
    padded = np.zeros((n_channels, view.shape[1] + 2 * around), F32)
    out, best = np.empty((n_kernels, STEPS), F32), np.empty((n_groups, STEPS), F32)
    d_padded, d_outputs = np.empty_like(padded), np.empty(STEPS, F32)
    for series in range(len(view)):
        _pad(view[series], padded, around)
        d_padded[:] = 0
        for start in range(0, lengths[series], STEPS):
            n = min(STEPS, lengths[series] - start)
            d_out = d_outputs[:n]
            _convolve(padded, start, n, weights, dilation, out)
            _compete(out, n, best, highest)
            for m in range(n_kernels):
                d_out[:] = 0
                for s in range(len(offsets)):
                    slope = factor * d_above[series, s, m]
                    _add_slope(d_out, out[m, :n], factor, offsets[s, m], slope)
                if highest:
                    _add_win(d_out, out[m, :n], best[m % n_groups, :n], d_wins[series, m])
                for k in range(weights.shape[0] // n_channels):
                    first = start + k * dilation
                    for c in range(n_channels):
                        weight = weights[k * n_channels + c, m]
                        if weight != 0:
                            _add_product(d_padded[c, first : first + n], weight, d_out)
        for t in range(view.shape[1]):
            for c in range(n_channels):
                d_view[series, t, c] = d_padded[c, around + t]


def compile_kernel() -> None:
    """Compile all functions, or read them from the cache of an earlier call."""
    x, mask, w = np.zeros((1, 1, 1), F32), np.ones((1, LANES), bool), np.zeros((4, 3), F32)
    kept = [np.zeros((2, width * LANES), F32) for width in (3, 4, 1)]
    forward(SGEMM, x, mask, w, False, True, *kept, x)
    backward(SGEMM, x, mask, np.ascontiguousarray(w.T), False, *kept, x.copy(), w.copy())
    bank = x, np.ones(1, np.int64), x[0], x[0], ONE, 1, 1, True, x.copy(), x[0].copy()
    pool_bank(*bank)
    pool_bank_gradient(*bank, x.copy())
