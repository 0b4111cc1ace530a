// The rational function R = P/Q and its derivatives, once for machines: host and device, one element or a
// pack of them. rrn/activations/ops/reference.py is the same for people, with the same names.
//
// V is the type of the elements (float, double, or a pack with + - * / and the functions `absolute`, `flip`
// and `Splat`); a(i) is the coefficient of z^i in P, c(j) that of Q: b_j, or |b_j| for version A.
#pragma once

#ifdef __CUDACC__
#define RRN_INLINE __device__ __forceinline__
#define RRN_UNROLL _Pragma("unroll")
#define RRN_ONE_BY_ONE _Pragma("unroll 1")
#else
#include <math.h>
#define RRN_INLINE inline __attribute__((always_inline))
#define RRN_UNROLL
#define RRN_ONE_BY_ONE
#endif

namespace rrn {

enum Version { A, B, C, N };  // D is B with noise in the coefficients

// Elements of type V, all of the same value.
template <class V>
struct Splat {
  template <class T>
  static RRN_INLINE V of(const T& value) { return V(value); }
};

RRN_INLINE float absolute(float v) { return fabsf(v); }
RRN_INLINE double absolute(double v) { return fabs(v); }

// v where s >= 0, -v where s < 0: the sign of zero is +1, so that a coefficient at zero learns.
RRN_INLINE float flip(float v, float s) { return s < 0 ? -v : v; }
RRN_INLINE double flip(double v, double s) { return s < 0 ? -v : v; }

// sum_i c_i y^i for i < size, by Horner's rule.
template <class V, class Coefficients>
RRN_INLINE V polynomial(const V& y, const Coefficients& c, int size) {
  V sum = Splat<V>::of(c(size - 1));
  RRN_UNROLL
  for (int i = size - 2; i >= 0; --i) sum = sum * y + c(i);
  return sum;
}

// The same with its derivative.
template <class V, class Coefficients>
RRN_INLINE V polynomial(const V& y, const Coefficients& c, int size, V& slope) {
  if (size == 1) {
    slope = Splat<V>::of(0);
    return Splat<V>::of(c(0));
  }
  slope = Splat<V>::of(c(size - 1));
  V sum = slope * y + c(size - 2);
  RRN_UNROLL
  for (int i = size - 3; i >= 0; --i) {
    slope = slope * y + sum;
    sum = sum * y + c(i);
  }
  return sum;
}

// Q = 1 + S, 1 + |S| or 0.1 + |S|, where S is the sum over the powers of y.
template <Version version, class V>
RRN_INLINE V denominator(const V& s) {
  V offset = Splat<V>::of(version == C ? 0.1 : 1.0);
  return (version == B || version == C ? absolute(s) : s) + offset;
}

// p / q, where q is the Q of this version.
template <Version version, class V>
RRN_INLINE V quotient(const V& p, const V& q) {
  return p / q;
}
#ifdef __CUDA_ARCH__
// Q of A, B and C is between 0.1 and 2^90, where this is right to 2 units in the last place; a division that takes any
// q costs three times as much.
template <Version version>
RRN_INLINE float quotient(float p, float q) {
  if (version == N) return p / q;
  float inverse;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(q));
  return p * inverse;
}
#endif

// R(z) = P(z) / Q(z); P has `n` + 1 coefficients, Q has `k`.
template <Version version, class V, class CoefficientsA, class CoefficientsC>
RRN_INLINE V value(const V& z, const CoefficientsA& a, int n, const CoefficientsC& c, int k) {
  V y = version == A ? absolute(z) : z;
  V s = polynomial(y, c, k);
  if (version != C) s = s * y;
  return quotient<version>(polynomial(z, a, n + 1), denominator<version>(s));
}

// What backward needs: R, and the gradients for z, P and S, where `grad` is that for R.
template <class V>
struct Gradients {
  V r, z, p, s;
};

template <Version version, class V, class CoefficientsA, class CoefficientsC>
RRN_INLINE Gradients<V> gradients(
    const V& grad, const V& z, const CoefficientsA& a, int n, const CoefficientsC& c, int k) {
  V y = version == A ? absolute(z) : z;
  V slope_p, slope_s;
  V p = polynomial(z, a, n + 1, slope_p);
  V s = polynomial(y, c, k, slope_s);
  if (version != C) {
    slope_s = slope_s * y + s;
    s = s * y;
  }
  V inverse = quotient<version>(Splat<V>::of(1), denominator<version>(s));
  Gradients<V> g;
  g.r = p * inverse;
  g.p = grad * inverse;
  g.s = -(g.p * g.r);
  if (version == B || version == C) g.s = flip(g.s, s);
  V through_s = g.s * slope_s;
  g.z = g.p * slope_p + (version == A ? flip(through_s, z) : through_s);
  return g;
}

// Far from zero the powers of a float overflow. There R is computed in double, with z the x inside +-limit and
// R(x) = R(z) (|x| / limit)^excess beyond it, where excess = n - m; see rrn/activations/ops/reference.py.
struct Far {
  double limit;
  int excess;

  RRN_INLINE double clamp(double x) const { return x > limit ? limit : x < -limit ? -limit : x; }

  RRN_INLINE double tail(double x) const { return power(x, excess); }

  // (|x| / limit)^exponent beyond the limit, 1 inside it.
  RRN_INLINE double power(double x, int exponent) const {
    double ratio = absolute(x) > limit ? absolute(x) / limit : 1, result = 1;
    for (int i = 0; i < exponent; ++i) result *= ratio;
    for (int i = 0; i > exponent; --i) result /= ratio;
    return result;
  }

  template <Version version, class CoefficientsA, class CoefficientsC>
  RRN_INLINE double value_at(double x, const CoefficientsA& a, int n, const CoefficientsC& c, int k) const {
    return value<version>(clamp(x), a, n, c, k) * tail(x);
  }

  template <Version version, class CoefficientsA, class CoefficientsC>
  RRN_INLINE Gradients<double> gradients_at(
      double grad, double x, const CoefficientsA& a, int n, const CoefficientsC& c, int k) const {
    double scaled = grad * tail(x);
    Gradients<double> g = gradients<version>(scaled, clamp(x), a, n, c, k);
    if (absolute(x) > limit) g.z = flip(grad * g.r * excess * power(x, excess - 1) / limit, x);  // also at infinity
    return g;
  }
};

}  // namespace rrn
