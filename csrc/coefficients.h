// The coefficients of rational_cpu.cpp, laid out as its vectors read them.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "pack.h"
#include "rational_cpu.h"

namespace rrn {

// The numbers of coefficients. For those of the default the compiler knows them, and unrolls all loops over
// coefficients: with AVX2, forward then takes 0.8 to 0.9 of the time; <0, 0> are any others.
template <int N, int K>
struct Degrees {
  static constexpr int n = N, k = K;
  explicit Degrees(const Call&) {}
};
template <>
struct Degrees<0, 0> {
  const int n, k;
  explicit Degrees(const Call& call) : n(call.n), k(call.k) {}
};

// One row of coefficients for all elements of a pack, or one for each.
template <class T>
struct SharedRow {
  const T* first;
  long long width;
  RRN_INLINE T operator()(int i) const { return first[i * width]; }
};
template <class T, int K>
struct OwnRows {
  const T* first;
  long long width;
  RRN_INLINE Pack<T, K> operator()(int i) const { return Pack<T, K>::load(first + i * width); }
};

// The coefficients in T and in double: [n + 1 + k, width], those of P first.
template <class T>
struct Table {
  long long width;
  int n, k;
  std::vector<T> near;
  std::vector<double> wide;
  T limit;  // beyond it elements are computed in double, by `far`
  Far far;

  Table(const Call& call, const Plan& plan)
      : width(plan.columns + (plan.shared ? 0 : VECTORS * LANES<T>)), n(call.n), k(call.k), near((n + 1 + k) * width) {
    for (long long column = 0; column < plan.columns; ++column) {
      const T* a = static_cast<const T*>(call.a) + plan.group_of(column) * (n + 1);
      const T* b = static_cast<const T*>(call.b) + plan.group_of(column) * k;
      for (int i = 0; i <= n; ++i) near[i * width + column] = a[i];
      for (int j = 0; j < k; ++j) near[(n + 1 + j) * width + column] = call.version == A ? absolute(b[j]) : b[j];
    }
    wide.assign(near.begin(), near.end());
    double largest = 1, degree = std::max(n, k);
    for (double value : wide)
      if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
    far = {std::pow(std::ldexp(1.0, 1000) / largest, 1 / degree), n - (call.version == C ? k - 1 : k)};
    // Q stays below 2^90, so that a small gradient over it is no denormal number yet
    limit = sizeof(T) == 8 ? far.limit : std::pow(std::ldexp(1.0, 90) / largest, 1 / degree);
  }

  template <int K, bool shared>
  RRN_INLINE auto rows(int from, long long column) const {
    const T* first = near.data() + from * width + column;
    if constexpr (shared)
      return SharedRow<T>{first, width};
    else
      return OwnRows<T, K>{first, width};
  }
};

}  // namespace rrn
