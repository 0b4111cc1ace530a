// A pack: a few vectors that the compiler keeps in registers, with the operators that rational.h uses.
// Written with the vector types of GCC and Clang, so that it fits any processor.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "rational.h"

namespace rrn {

#ifndef RRN_VECTOR_BYTES
#define RRN_VECTOR_BYTES 16  // what every x86-64 and arm64 has
#endif
constexpr int VECTORS = 4;  // in a pack: with fewer, one step of Horner's rule waits for the one before
template <class T>
constexpr int LANES = RRN_VECTOR_BYTES / sizeof(T);

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(RRN_VECTOR_BYTES), aligned(sizeof(T)), may_alias));
};
template <class T>
using Vector = typename VectorOf<T>::type;

// Whole numbers as long as a T, for its bits.
template <class T>
using Whole = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
template <class T>
using Bits = Vector<Whole<T>>;
template <class T>
constexpr Whole<T> SIGN = std::numeric_limits<Whole<T>>::min();

template <class T, int K>
struct Pack {
  static constexpr int SIZE = K * LANES<T>;
  Vector<T> v[K];

  // The first `count` elements from an array, zeros behind them.
  static RRN_INLINE Pack load(const T* from, int count = SIZE) {
    T filled[SIZE] = {};
    if (count < SIZE) {
      for (int i = 0; i < count; ++i) filled[i] = from[i];
      from = filled;
    }
    Pack result;
    for (int i = 0; i < K; ++i) result.v[i] = *reinterpret_cast<const Vector<T>*>(from + i * LANES<T>);
    return result;
  }

  RRN_INLINE void store(T* to, int count = SIZE) const {
    T filled[SIZE];
    T* target = count < SIZE ? filled : to;
    for (int i = 0; i < K; ++i) *reinterpret_cast<Vector<T>*>(target + i * LANES<T>) = v[i];
    if (count < SIZE)
      for (int i = 0; i < count; ++i) to[i] = filled[i];
  }

  // The sum over the vectors.
  RRN_INLINE Pack<T, 1> folded() const {
    Pack<T, 1> sum{{v[0]}};
    for (int i = 1; i < K; ++i) sum.v[0] += v[i];
    return sum;
  }
};

#define RRN_OPERATOR(OP)                                                        \
  template <class T, int K>                                                     \
  RRN_INLINE Pack<T, K> operator OP(const Pack<T, K>& x, const Pack<T, K>& y) { \
    Pack<T, K> result;                                                          \
    for (int i = 0; i < K; ++i) result.v[i] = x.v[i] OP y.v[i];                 \
    return result;                                                              \
  }                                                                             \
  template <class T, int K, class S>                                            \
  RRN_INLINE Pack<T, K> operator OP(const Pack<T, K>& x, const S& y) {          \
    Pack<T, K> result;                                                          \
    for (int i = 0; i < K; ++i) result.v[i] = x.v[i] OP T(y);                   \
    return result;                                                              \
  }
RRN_OPERATOR(+)
RRN_OPERATOR(*)
RRN_OPERATOR(/)
#undef RRN_OPERATOR

template <class T, int K>
RRN_INLINE Pack<T, K> operator-(const Pack<T, K>& x) {
  Pack<T, K> result;
  for (int i = 0; i < K; ++i) result.v[i] = -x.v[i];
  return result;
}

// Both with the bits of the sign, as a comparison is slower. Adding zero makes -0 to +0.
template <class T, int K>
RRN_INLINE Pack<T, K> flip(const Pack<T, K>& x, const Pack<T, K>& s) {
  Pack<T, K> result;
  for (int i = 0; i < K; ++i) {
    auto sign = reinterpret_cast<Bits<T>>(s.v[i] + T(0)) & SIGN<T>;
    result.v[i] = reinterpret_cast<Vector<T>>(reinterpret_cast<Bits<T>>(x.v[i]) ^ sign);
  }
  return result;
}

template <class T, int K>
RRN_INLINE Pack<T, K> absolute(const Pack<T, K>& x) {
  Pack<T, K> result;
  for (int i = 0; i < K; ++i) result.v[i] = reinterpret_cast<Vector<T>>(reinterpret_cast<Bits<T>>(x.v[i]) & ~SIGN<T>);
  return result;
}

// The largest absolute values that were seen; a NaN counts as larger than all numbers.
template <class T>
struct Largest {
  Bits<T> bits{};

  template <int K>
  RRN_INLINE void see(const Pack<T, K>& x) {
    for (int i = 0; i < K; ++i) {
      auto seen = reinterpret_cast<Bits<T>>(x.v[i]) & ~SIGN<T>;
      bits = seen > bits ? seen : bits;
    }
  }

  bool beyond(T limit) const {
    for (int i = 0; i < LANES<T>; ++i)
      if (!(reinterpret_cast<Vector<T>>(bits)[i] <= limit)) return true;
    return false;
  }
};

template <class T, int K>
struct Splat<Pack<T, K>> {
  static RRN_INLINE Pack<T, K> of(const Pack<T, K>& value) { return value; }
  template <class S>
  static RRN_INLINE Pack<T, K> of(const S& value) {
    Pack<T, K> result;
    for (int i = 0; i < K; ++i) result.v[i] = T(value) - Vector<T>{};
    return result;
  }
};

}  // namespace rrn
