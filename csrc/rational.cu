// The rational function over whole tensors on a GPU; rrn/activations/ops/cuda.py compiles it at run time for the types,
// version and degrees at hand, and launches it. The formula is in rational.h.
//
// RRN_ELEMENT is the type of x, y and their gradients, RRN_VERSION, RRN_N and RRN_K are those of the function,
// RRN_WIDTH is the number of neighbouring elements that a thread takes at once, and RRN_LAYOUT is
// - FLAT: one group. Threads go over all of memory together.
// - ROWS: long runs of elements of one group. Each block belongs to a group.
// - COLUMNS: short ones. Each thread has a column, and so a group, and goes down the rows.
#include "rational.h"

namespace rrn {

struct BFloat16 { unsigned short bits; };
struct Float16 { unsigned short bits; };

RRN_INLINE float widened(float v) { return v; }
RRN_INLINE double widened(double v) { return v; }
RRN_INLINE float widened(BFloat16 v) { return __uint_as_float(unsigned(v.bits) << 16); }

RRN_INLINE void narrow(float v, float& to) { to = v; }
RRN_INLINE void narrow(double v, double& to) { to = v; }
#if __CUDA_ARCH__ >= 800
RRN_INLINE void narrow(float v, BFloat16& to) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to.bits) : "f"(v)); }
#else
RRN_INLINE void narrow(float v, BFloat16& to) {  // to the nearest, ties to even; a NaN stays one
  unsigned bits = __float_as_uint(v);
  to.bits = v == v ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : 0x7fff;
}
#endif
#ifdef __CUDA_ARCH__
RRN_INLINE float widened(Float16 v) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(v.bits));
  return wide;
}
RRN_INLINE void narrow(float v, Float16& to) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to.bits) : "f"(v)); }
#endif

enum Layout { FLAT, ROWS, COLUMNS };
typedef RRN_ELEMENT E;
typedef decltype(widened(E())) T;  // of the arithmetic and the coefficients
constexpr Version VERSION = RRN_VERSION;
constexpr Layout LAYOUT = RRN_LAYOUT;
constexpr int P_DEGREE = RRN_N, Q_SIZE = RRN_K, SIZE = P_DEGREE + 1 + Q_SIZE;  // coefficients
constexpr int WIDTH = RRN_WIDTH, THREADS = 256, WARP = 32;
// Blocks that a processor must be able to hold, which limits their registers; 0 lets the compiler weigh.
constexpr int LEAST_BLOCKS = sizeof(T) == 8 ? 1 : SIZE > 11 ? 2 : 0;

// The elements that a thread takes at once.
template <class Element, bool pairs>
struct alignas(sizeof(Element) * WIDTH) Some {
  Element e[WIDTH];
  RRN_INLINE Element operator[](int i) const { return e[i]; }
};
// Those of two bytes as they were read, two in a register: widening one is a single instruction then.
template <class Element>
struct alignas(sizeof(Element) * WIDTH) Some<Element, true> {
  unsigned words[(WIDTH + 1) / 2];
  RRN_INLINE Element operator[](int i) const { return {static_cast<unsigned short>(words[i / 2] >> i % 2 * 16)}; }
};
typedef Some<E, sizeof(E) == 2 && WIDTH % 2 == 0> Read;
typedef Some<E, false> Elements;

// Coefficients in registers, or in memory for the rare elements that are done in double.
struct Near {
  const T* first;
  RRN_INLINE T operator()(int i) const { return first[i]; }
};
struct Wide {
  const T* first;
  bool positive;
  RRN_INLINE double operator()(int i) const { return positive ? absolute(double(first[i])) : double(first[i]); }
};

struct Function {
  T near[SIZE];  // those of P first
  const T *a, *b;
  T limit;  // beyond it elements are computed in double, by `far`; -1 if all are

  RRN_INLINE Function(const T* all_a, const T* all_b, long long group)
      : a(all_a + group * (P_DEGREE + 1)), b(all_b + group * Q_SIZE) {
    RRN_UNROLL
    for (int i = 0; i <= P_DEGREE; ++i) near[i] = a[i];
    RRN_UNROLL
    for (int j = 0; j < Q_SIZE; ++j) near[P_DEGREE + 1 + j] = VERSION == A ? absolute(b[j]) : b[j];
    // Q stays below 2^90, so that a small gradient over it is no denormal number yet
    limit = sizeof(T) == 8 ? root_of<T>(1000) : bits() > 90 ? T(-1) : root_of<T>(90);
  }

  // The largest coefficient is below 2^bits; a NaN is left out.
  RRN_INLINE int bits() const {
    T largest = 1;
    RRN_UNROLL
    for (int i = 0; i < SIZE; ++i) largest = fmax(largest, absolute(near[i]));
    return largest * 0 == 0 ? ilogb(largest) + 1 : 0;
  }

  // 2^exponent over the largest coefficient, to the power of 1 / degree, or a power of 2 next to it.
  template <class S>
  RRN_INLINE S root_of(int exponent) const {
    return ldexp(S(1), (exponent - bits()) / (P_DEGREE > Q_SIZE ? P_DEGREE : Q_SIZE));
  }

  RRN_INLINE Near p() const { return {near}; }
  RRN_INLINE Near q() const { return {near + P_DEGREE + 1}; }
  RRN_INLINE Wide wide_p() const { return {a, false}; }
  RRN_INLINE Wide wide_q() const { return {b, VERSION == A}; }
  RRN_INLINE Far far() const { return {root_of<double>(1000), P_DEGREE - (VERSION == C ? Q_SIZE - 1 : Q_SIZE)}; }
  RRN_INLINE bool is_far(T x) const { return absolute(x) > limit; }
  RRN_INLINE bool any_far(const Read& all) const {
    bool any = false;
    RRN_UNROLL
    for (int i = 0; i < WIDTH; ++i) any |= is_far(widened(all[i]));
    return any;
  }
};

// The elements of a thread, WIDTH of them at a time.
struct Walk {
  long long groups, inner, chunks, columns;  // x is [outer, groups, inner]
  long long group, chunk;
  long long next, step, total;  // places in memory
  long long within, step_within;  // ROWS: the place in a run of the group, which the other groups lie behind

  RRN_INLINE Walk(long long outer, long long groups, long long inner, long long chunks, long long columns)
      : groups(groups), inner(inner), chunks(chunks), columns(columns), total(outer * groups * inner) {
    if (LAYOUT == COLUMNS) {
      long long tiles = gridDim.x / chunks;
      long long column = (blockIdx.x % tiles * THREADS + threadIdx.x) * WIDTH;
      group = column / inner % groups;
      chunk = blockIdx.x / tiles;
      next = column < columns ? chunk * columns + column : total;
      step = chunks * columns;
      return;
    }
    group = LAYOUT == FLAT ? 0 : blockIdx.x / chunks;
    chunk = blockIdx.x - group * chunks;
    next = (chunk * THREADS + threadIdx.x) * WIDTH;
    step = chunks * THREADS * WIDTH;
    if (LAYOUT == ROWS) {
      within = next % inner, step_within = step % inner;
      next = (next / inner * groups + group) * inner + within;
      step = step / inner * groups * inner + step_within;
    }
  }

  RRN_INLINE bool more() const { return next < total; }
  RRN_INLINE void advance() {
    next += step;
    if (LAYOUT != ROWS) return;
    within += step_within;
    if (within >= inner) within -= inner, next += (groups - 1) * inner;
  }
  RRN_INLINE bool whole() const { return total - next >= WIDTH; }
  RRN_INLINE int count() const { return whole() ? WIDTH : int(total - next); }
  RRN_INLINE Read load(const E* from) const {
    return whole() ? *reinterpret_cast<const Read*>(from + next) : Read();
  }
  RRN_INLINE void store(const Elements& all, E* to) const { *reinterpret_cast<Elements*>(to + next) = all; }
};

// The sums of a block's threads, in an order that never changes, to partial[chunk][coefficient][column].
RRN_INLINE void keep(T (&sums)[SIZE], const Walk& walk, T* partial) {
  if (LAYOUT == COLUMNS) {
    long long tiles = gridDim.x / walk.chunks, columns = walk.columns / WIDTH;
    long long column = blockIdx.x % tiles * THREADS + threadIdx.x;
    RRN_UNROLL
    for (int i = 0; i < SIZE; ++i)
      if (column < columns) partial[(walk.chunk * SIZE + i) * columns + column] = sums[i];
    return;
  }
  __shared__ T of_warps[SIZE][THREADS / WARP];
  RRN_UNROLL
  for (int i = 0; i < SIZE; ++i) {
    T sum = sums[i];
    RRN_UNROLL
    for (int distance = WARP / 2; distance; distance /= 2) sum += __shfl_down_sync(0xffffffff, sum, distance);
    if (threadIdx.x % WARP == 0) of_warps[i][threadIdx.x / WARP] = sum;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < SIZE; i += THREADS) {
    T sum = 0;
    for (int warp = 0; warp < THREADS / WARP; ++warp) sum += of_warps[i][warp];
    partial[(walk.chunk * SIZE + i) * walk.groups + walk.group] = sum;
  }
}

// Adds an element's terms of the coefficients' gradients: its gradients for P and S times the powers of z.
template <class S>
RRN_INLINE void add_terms(T (&sums)[SIZE], const Gradients<S>& g, S z) {
  constexpr int LOWEST = VERSION == C ? 0 : 1;  // power in S
  S power = 1;
  RRN_UNROLL
  for (int i = 0; i < SIZE; ++i, power *= z) {
    if (i <= P_DEGREE) sums[i] += T(g.p * power);
    int j = i - LOWEST;
    if (j >= 0 && j < Q_SIZE) sums[P_DEGREE + 1 + j] += T(g.s * (VERSION == A ? absolute(power) : power));
  }
}

// Adds the terms of an element; returns its own gradient.
RRN_INLINE T add_near(T (&sums)[SIZE], const Function& f, T grad, T z) {
  Gradients<T> g = gradients<VERSION>(grad, z, f.p(), P_DEGREE, f.q(), Q_SIZE);
  add_terms(sums, g, z);
  return g.z;
}

// The same in double.
RRN_INLINE T add_far(T (&sums)[SIZE], const Function& f, double grad, double x) {
  Far far = f.far();
  Gradients<double> g = far.template gradients_at<VERSION>(grad, x, f.wide_p(), P_DEGREE, f.wide_q(), Q_SIZE);
  add_terms(sums, g, far.clamp(x));
  return g.z;
}

}  // namespace rrn

extern "C" __global__ void __launch_bounds__(rrn::THREADS, rrn::LEAST_BLOCKS)
    forward(const rrn::E* x, const rrn::T* a, const rrn::T* b, rrn::E* y, long long outer, long long groups,
            long long inner, long long chunks, long long columns) {
  using namespace rrn;
  Walk walk(outer, groups, inner, chunks, columns);
  if (!walk.more()) return;
  Read all = walk.load(x);  // while the coefficients are on their way
  Function f(a, b, walk.group);
  for (; walk.more(); walk.advance(), all = walk.load(x)) {
    if (walk.whole() && !f.any_far(all)) {
      Elements result;
      RRN_UNROLL
      for (int i = 0; i < WIDTH; ++i)
        narrow(value<VERSION>(widened(all[i]), f.p(), P_DEGREE, f.q(), Q_SIZE), result.e[i]);
      walk.store(result, y);
      continue;
    }
    long long at = walk.next;
    RRN_ONE_BY_ONE
    for (int i = 0; i < walk.count(); ++i) {
      T z = widened(x[at + i]);
      T r = value<VERSION>(z, f.p(), P_DEGREE, f.q(), Q_SIZE);
      if (f.is_far(z)) r = f.far().template value_at<VERSION>(z, f.wide_p(), P_DEGREE, f.wide_q(), Q_SIZE);
      narrow(r, y[at + i]);
    }
  }
}

extern "C" __global__ void __launch_bounds__(rrn::THREADS, rrn::LEAST_BLOCKS)
    backward(const rrn::E* x, const rrn::T* a, const rrn::T* b, const rrn::E* grad, rrn::E* grad_x, rrn::T* partial,
             long long outer, long long groups, long long inner, long long chunks, long long columns) {
  using namespace rrn;
  Walk walk(outer, groups, inner, chunks, columns);
  T sums[SIZE] = {};
  Read all = walk.load(x), grads = walk.load(grad);
  Function f(a, b, walk.group);
  for (; walk.more(); walk.advance(), all = walk.load(x), grads = walk.load(grad)) {
    if (walk.whole() && !f.any_far(all)) {
      Elements result;
      RRN_UNROLL
      for (int i = 0; i < WIDTH; ++i) narrow(add_near(sums, f, widened(grads[i]), widened(all[i])), result.e[i]);
      walk.store(result, grad_x);
      continue;
    }
    long long at = walk.next;
    RRN_ONE_BY_ONE
    for (int i = 0; i < walk.count(); ++i) {
      T z = widened(x[at + i]), g = widened(grad[at + i]);
      narrow(f.is_far(z) ? add_far(sums, f, g, z) : add_near(sums, f, g, z), grad_x[at + i]);
    }
  }
  keep(sums, walk, partial);
}

// grad_a and grad_b from the sums partial[chunks][SIZE][repeats * groups * run]; one block for each of them.
extern "C" __global__ void __launch_bounds__(rrn::THREADS)
    finish(const rrn::T* partial, const rrn::T* b, rrn::T* grad_a, rrn::T* grad_b, long long chunks, long long groups,
           long long repeats, long long run) {
  using namespace rrn;
  __shared__ double of_threads[THREADS];
  long long group = blockIdx.x / SIZE, columns = repeats * groups * run, members = repeats * run;
  int coefficient = blockIdx.x % SIZE;
  double sum = 0;
  for (long long i = threadIdx.x; i < chunks * members; i += THREADS) {
    long long chunk = i, column = group;
    if (LAYOUT == COLUMNS) {
      long long member = i % members;
      chunk = i / members, column = (member / run * groups + group) * run + member % run;
    }
    sum += partial[(chunk * SIZE + coefficient) * columns + column];
  }
  of_threads[threadIdx.x] = sum;
  for (int distance = THREADS / 2; distance; distance /= 2) {
    __syncthreads();
    if (threadIdx.x < distance) of_threads[threadIdx.x] += of_threads[threadIdx.x + distance];
  }
  if (threadIdx.x) return;
  sum = of_threads[0];
  int j = coefficient - P_DEGREE - 1;
  if (j < 0) grad_a[group * (P_DEGREE + 1) + coefficient] = sum;
  else grad_b[group * Q_SIZE + j] = VERSION == A ? flip(sum, double(b[group * Q_SIZE + j])) : sum;
}
