// The counts of histogram.h. A bin is found by arithmetic; in a block with a value near an edge, where rounding may
// have gone wrong, the bins are compared with the edges. Several counters for each bin keep equal neighbours from
// waiting on each other.
#include "histogram.h"

#include <cmath>
#include <limits>
#include <new>
#include <vector>

#include "pack.h"

namespace rrn {
namespace {

constexpr long long SHARE = 16384;  // elements of a thread at a time
constexpr int BLOCK = 128;          // elements whose bins are found together
constexpr int COUNTERS = 4;         // for each bin

// The smallest number of type T that is not below the value, or is above it.
template <class T>
T round_up(double value, bool above) {
  T near = static_cast<T>(value);
  if (near < value || (above && near == value)) near = std::nextafter(near, std::numeric_limits<T>::infinity());
  return near;
}

template <class T>
struct Problem {
  const T* x;
  long long length, bins;
  long long* counts;
  T low, per_width, far;  // `far`: from the middle of a bin, in widths; beyond it, rounding may change the bin
  std::vector<T> starts;  // of each place in `counts` but the last; no start below the first bin and behind the last

  explicit Problem(const HistogramCall& call)
      : x(static_cast<const T*>(call.x)), length(call.length), bins(call.bins), counts(call.counts) {
    const double first = call.edges[0], last = call.edges[bins], density = bins / (last - first);
    low = static_cast<T>(first);
    per_width = static_cast<T>(density);
    double reach = bins + density * std::max(std::fabs(first), std::fabs(last));
    far = static_cast<T>(0.5 - 4 * std::numeric_limits<T>::epsilon() * reach);
    starts.assign(bins + 3, std::numeric_limits<T>::quiet_NaN());
    for (long long i = 0; i <= bins; ++i) starts[i + 1] = round_up<T>(call.edges[i], i == bins);
  }

  // The place in `counts` of each element of a block.
  void places(const T* from, Whole<T>* place) const {
    const T top = static_cast<T>(bins) + T(1.5);
    Bits<T> doubtful{};
    for (int i = 0; i < BLOCK; i += LANES<T>) {
      Vector<T> value = *reinterpret_cast<const Vector<T>*>(from + i), guess = (value - low) * per_width + T(1);
      guess = guess > T(0.5) ? guess : Vector<T>{} + T(0.5);  // for NaN too
      guess = guess < top ? guess : Vector<T>{} + top;
      Bits<T> at = __builtin_convertvector(guess, Bits<T>);
      Vector<T> rest = guess - __builtin_convertvector(at, Vector<T>) - T(0.5);
      rest = reinterpret_cast<Vector<T>>(reinterpret_cast<Bits<T>>(rest) & ~SIGN<T>);
      doubtful |= (rest > far) | (value != value);
      *reinterpret_cast<Bits<T>*>(place + i) = at;
    }
    Whole<T> any = 0;
    for (int lane = 0; lane < LANES<T>; ++lane) any |= doubtful[lane];
    if (!any) return;
    for (int i = 0; i < BLOCK; ++i) {
      place[i] += (from[i] >= starts[place[i] + 1]) - (from[i] < starts[place[i]]);
      if (from[i] != from[i]) place[i] = static_cast<Whole<T>>(bins + 2);
    }
  }

  void add(long long begin, long long end) const {
    const long long width = bins + 3;
    std::vector<unsigned> local(COUNTERS * width);
    unsigned *counter = local.data(), *c0 = counter, *c1 = c0 + width, *c2 = c1 + width, *c3 = c2 + width;
    Whole<T> place[BLOCK];
    T padded[BLOCK] = {};
    for (long long first = begin; first < end; first += BLOCK) {
      int count = static_cast<int>(std::min<long long>(BLOCK, end - first));
      if (count < BLOCK) std::copy(x + first, x + end, padded);
      places(count < BLOCK ? padded : x + first, place);
      int i = 0;
      for (; i + 4 <= count; i += 4) {
        Whole<T> p0 = place[i], p1 = place[i + 1], p2 = place[i + 2], p3 = place[i + 3];
        ++c0[p0];
        ++c1[p1];
        ++c2[p2];
        ++c3[p3];
      }
      for (; i < count; ++i) ++c0[place[i]];
    }
    for (long long k = 0; k < width; ++k) {
      long long sum = 0;
      for (int c = 0; c < COUNTERS; ++c) sum += counter[c * width + k];
      if (sum) __atomic_fetch_add(counts + k, sum, __ATOMIC_RELAXED);
    }
  }
};

template <class T>
void shared_out(const HistogramCall& call) {
  const Problem<T> problem(call);
  auto some = [](long long begin, long long end, void* context) {
    const auto& problem = *static_cast<const Problem<T>*>(context);
    for (long long i = begin; i < end; ++i) problem.add(i * SHARE, std::min((i + 1) * SHARE, problem.length));
  };
  long long shares = (call.length + SHARE - 1) / SHARE;
  void* context = const_cast<Problem<T>*>(&problem);
  int failed = 0;
  if (call.parallel_for && shares > 1)
    failed = call.parallel_for(0, shares, 1, some, context);
  else
    some(0, shares, context);
  if (failed) throw std::bad_alloc();  // the only thing that a share can throw
}

}  // namespace

void histogram(const HistogramCall& call) { call.is_double ? shared_out<double>(call) : shared_out<float>(call); }

}  // namespace rrn
