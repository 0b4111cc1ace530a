// The rational function over whole tensors on a CPU. The formula is in rational.h, the vectors are in pack.h, the
// coefficients as vectors in coefficients.h, the way a tensor is cut in rational_cpu.h, and the interface to Python in
// module.cpp.
#include "rational_cpu.h"

#include <new>
#include <type_traits>
#include <vector>

#include "coefficients.h"
#include "pack.h"

namespace rrn {
namespace {

constexpr int SEGMENT = 1024;  // elements of a row that are done at once; their terms are summed in T

template <int K>
struct Size {
  static constexpr int value = K;
};

// Calls f(Size<K>, first, count) for packs of K vectors, then of one, the last of which may be a part of one.
template <class T, class F>
RRN_INLINE void each_pack(int length, const F& f) {
  constexpr int K = VECTORS;
  int i = 0;
  for (; i + K * LANES<T> <= length; i += K * LANES<T>) f(Size<K>(), i, K * LANES<T>);
  for (; i < length; i += LANES<T>) f(Size<1>(), i, std::min(LANES<T>, length - i));
}
#define RRN_EACH_PACK [&](auto size, int i, int count) __attribute__((always_inline))

template <class T, Version version, bool shared, class Degree>
struct Kernel : Degree {
  using Degree::n, Degree::k;
  static constexpr int COLUMNS = shared ? LANES<T> : TILE;  // partial sums of one coefficient
  static_assert(TILE <= SEGMENT);

  const Call& call;
  const Plan plan;
  const Table<T> table;
  std::vector<double> partial;  // backward: [units, n + 1 + k, shared ? 1 : TILE]

  Kernel(const Call& call, const Plan& plan) : Degree(call), call(call), plan(plan), table(call, plan) {}

  bool is_far(T x) const { return absolute(x) > table.limit; }

  SharedRow<double> wide(int from, long long column) const {
    return {table.wide.data() + from * table.width + column, table.width};
  }

  // Calls f(offset, column, length) for each segment of a unit; a row with coefficients of its own is one segment.
  template <class F>
  void each_segment(const Unit& unit, const F& f) const {
    for (long long row = 0; row < unit.rows; ++row)
      for (int i = 0, length = plan.row_length(unit, row); i < length; i += SEGMENT)
        f(unit.offset + row * unit.stride + i, unit.column, std::min(SEGMENT, length - i));
  }

  void forward(long long index) const {
    const T* all_x = static_cast<const T*>(call.x);
    T* all_y = static_cast<T*>(call.y);
    Unit unit = plan.unit(index);
    Largest<T> largest;
    each_segment(unit, [&](long long offset, long long column, int length) {
      const T* x = all_x + offset;
      T* y = all_y + offset;
      each_pack<T>(length, RRN_EACH_PACK {
        constexpr int K = decltype(size)::value;
        auto z = Pack<T, K>::load(x + i, count);
        largest.see(z);
        long long own = shared ? column : column + i;
        auto a = table.template rows<K, shared>(0, own), c = table.template rows<K, shared>(n + 1, own);
        value<version>(z, a, n, c, k).store(y + i, count);
      });
    });
    if (!largest.beyond(table.limit)) return;
    each_segment(unit, [&](long long offset, long long column, int length) {
      for (int i = 0; i < length; ++i) {
        if (!is_far(all_x[offset + i])) continue;
        long long own = shared ? column : column + i;
        all_y[offset + i] = table.far.template value_at<version>(all_x[offset + i], wide(0, own), n, wide(n + 1, own), k);
      }
    });
  }

  // The sum of each coefficient's terms, in T for a while and then in double: [n + 1 + k, COLUMNS].
  struct Sums {
    std::vector<T> recent;
    std::vector<double> total;
    int additions = 0;

    explicit Sums(int size) : recent(size * COLUMNS + VECTORS * LANES<T>), total(size * COLUMNS) {}

    template <int K>
    RRN_INLINE void add(int row, int column, const Pack<T, K>& terms) {
      T* sum = recent.data() + row * COLUMNS;
      if constexpr (shared)
        (Pack<T, 1>::load(sum) + terms.folded()).store(sum);
      else
        (Pack<T, K>::load(sum + column) + terms).store(sum + column);
    }

    void flush() {
      for (size_t i = 0; i < total.size(); ++i) total[i] += recent[i];
      std::fill(recent.begin(), recent.end(), T(0));
      additions = 0;
    }
  };

  void backward(long long index) {
    Unit unit = plan.unit(index);
    Largest<T> largest;
    Sums sums(n + 1 + k);
    sweep(unit, sums, largest, false);
    if (largest.beyond(table.limit)) {
      sums = Sums(n + 1 + k);
      sweep(unit, sums, largest, true);
    }
    if constexpr (shared) {
      for (int row = 0; row < n + 1 + k; ++row)
        for (int lane = 0; lane < LANES<T>; ++lane) partial[index * (n + 1 + k) + row] += sums.total[row * LANES<T> + lane];
    } else {
      std::copy(sums.total.begin(), sums.total.end(), partial.begin() + index * sums.total.size());
    }
  }

  // One pass over a unit; a careful one takes the far elements out and does them in double.
  void sweep(const Unit& unit, Sums& sums, Largest<T>& largest, bool careful) const {
    T x_near[SEGMENT], grad_near[SEGMENT], far_grad_x[SEGMENT];
    each_segment(unit, [&](long long offset, long long column, int length) {
      const T *x = static_cast<const T*>(call.x) + offset, *grad = static_cast<const T*>(call.grad) + offset;
      T* grad_x = static_cast<T*>(call.grad_x) + offset;
      if (careful) {
        for (int i = 0; i < length; ++i) {
          bool far = is_far(x[i]);
          x_near[i] = far ? 0 : x[i];
          grad_near[i] = far ? 0 : grad[i];
          if (far) far_grad_x[i] = far_element(x[i], grad[i], column, i, sums);
        }
        segment(x_near, grad_near, grad_x, column, length, sums, largest);
        for (int i = 0; i < length; ++i)
          if (is_far(x[i])) grad_x[i] = far_grad_x[i];
      } else {
        segment(x, grad, grad_x, column, length, sums, largest);
      }
      if (shared || ++sums.additions == 64) sums.flush();
    });
    sums.flush();
  }

  void segment(const T* x, const T* grad, T* grad_x, long long column, int length, Sums& sums,
               Largest<T>& largest) const {
    each_pack<T>(length, RRN_EACH_PACK {
      constexpr int K = decltype(size)::value;
      auto z = Pack<T, K>::load(x + i, count);
      largest.see(z);
      long long own = shared ? column : column + i;
      auto a = table.template rows<K, shared>(0, own), c = table.template rows<K, shared>(n + 1, own);
      auto g = gradients<version>(Pack<T, K>::load(grad + i, count), z, a, n, c, k);
      g.z.store(grad_x + i, count);
      auto y = version == A ? absolute(z) : z;
      sums.add(0, i, g.p);
      for (int j = 1; j <= n; ++j) sums.add(j, i, g.p = g.p * z);
      if (version != C) g.s = g.s * y;
      sums.add(n + 1, i, g.s);
      for (int j = 1; j < k; ++j) sums.add(n + 1 + j, i, g.s = g.s * y);
    });
  }

  // Element i of a segment.
  T far_element(double x, double grad, long long column, int i, Sums& sums) const {
    long long own = shared ? column : column + i, at = shared ? 0 : i;
    auto g = table.far.template gradients_at<version>(grad, x, wide(0, own), n, wide(n + 1, own), k);
    double z = table.far.clamp(x), y = version == A ? absolute(z) : z;
    double term = g.p;
    for (int power = 0; power <= n; ++power, term *= z) sums.total[power * COLUMNS + at] += term;
    term = version == C ? g.s : g.s * y;
    for (int j = 0; j < k; ++j, term *= y) sums.total[(n + 1 + j) * COLUMNS + at] += term;
    return g.z;
  }

  // The sums of all units, in their order, as gradients of the coefficients.
  void finish() const {
    int size = n + 1 + k, width = shared ? 1 : TILE;
    std::vector<double> sum(plan.groups * size);
    for (long long index = 0; index < plan.units(); ++index) {
      Unit unit = plan.unit(index);
      for (int row = 0; row < size; ++row)
        for (int i = 0; i < (shared ? 1 : unit.length); ++i)
          sum[plan.group_of(unit.column + i) * size + row] += partial[(index * size + row) * width + i];
    }
    const T* b = static_cast<const T*>(call.b);
    T *grad_a = static_cast<T*>(call.grad_a), *grad_b = static_cast<T*>(call.grad_b);
    for (long long group = 0; group < plan.groups; ++group) {
      for (int i = 0; i <= n; ++i) grad_a[group * (n + 1) + i] = sum[group * size + i];
      for (int j = 0; j < k; ++j) {
        double total = sum[group * size + n + 1 + j];
        grad_b[group * k + j] = version == A ? flip(total, double(b[group * k + j])) : total;
      }
    }
  }
};

template <class F>
void each_unit(const Call& call, long long units, const F& f) {
  auto range = [](long long begin, long long end, void* context) {
    for (long long i = begin; i < end; ++i) (*static_cast<const F*>(context))(i);
  };
  void* context = const_cast<F*>(&f);
  int failed = 0;
  if (units < 3 || !call.parallel_for)
    range(0, units, context);
  else
    failed = call.parallel_for(0, units, 2, range, context);
  if (failed) throw std::bad_alloc();  // the only thing that a unit can throw
}

template <class T, Version version, bool shared, class Degree>
void run(const Call& call, const Plan& plan) {
  Kernel<T, version, shared, Degree> kernel(call, plan);
  if (call.pass == Pass::forward) {
    each_unit(call, plan.units(), [&](long long i) { kernel.forward(i); });
  } else {
    kernel.partial.resize(plan.units() * (call.n + 1 + call.k) * (shared ? 1 : TILE));
    each_unit(call, plan.units(), [&](long long i) { kernel.backward(i); });
    kernel.finish();
  }
}

template <class T, Version version, bool shared>
void run(const Call& call, const Plan& plan) {
  if constexpr (std::is_same_v<T, float> && shared) {
    constexpr int N = 5, K = version == C ? 5 : 4;
    if (call.n == N && call.k == K) return run<T, version, shared, Degrees<N, K>>(call, plan);
  }
  run<T, version, shared, Degrees<0, 0>>(call, plan);
}

template <class T, bool shared>
void run(const Call& call, const Plan& plan) {
  switch (call.version) {
    case A: return run<T, A, shared>(call, plan);
    case B: return run<T, B, shared>(call, plan);
    case C: return run<T, C, shared>(call, plan);
    case N: return run<T, N, shared>(call, plan);
  }
}

}  // namespace

void run(const Call& call) {
  Plan plan(call);
  if (call.is_double)
    plan.shared ? run<double, true>(call, plan) : run<double, false>(call, plan);
  else
    plan.shared ? run<float, true>(call, plan) : run<float, false>(call, plan);
}

}  // namespace rrn
