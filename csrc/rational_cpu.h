// What the kernels of rational_cpu.cpp are asked to do, and how they cut a tensor into work.
#pragma once

#include <algorithm>

#include "rational.h"

namespace rrn {

// at::parallel_for, as libtorch_cpu exports it with a C interface.
using ParallelFor = int (*)(long long begin, long long end, long long grain,
                            void (*function)(long long begin, long long end, void* context), void* context);

enum class Pass { forward, backward };

// All arrays are float, or all are double. x, y and their gradients are [outer, groups, inner]; a and its
// gradient are [groups, n + 1], b and its gradient are [groups, k].
struct Call {
  Pass pass;
  bool is_double;
  Version version;
  long long outer, groups, inner;
  int n, k;
  const void *x, *a, *b;
  void* y;                         // out of forward
  const void* grad;                // into backward
  void *grad_x, *grad_a, *grad_b;  // out of backward
  ParallelFor parallel_for;        // null: one thread
};

// Computes what the pass puts out.
void run(const Call& call);

constexpr long long UNIT = 16384;       // elements of a unit of work, about
constexpr long long TILE = 256;         // elements of a row with coefficients of their own: they stay in the first cache
constexpr long long SHORTEST_ROW = 48;  // of elements that share their coefficients

// Rows of contiguous elements: `rows` of them, `stride` elements apart, `length` elements each.
struct Unit {
  long long offset, stride, rows, length, column;
};

// The units of a tensor; they, and so the order of all sums, do not depend on the number of threads.
// - Where `inner` is long, a unit has rows of one group, and all their elements share its coefficients.
// - Where it is short, the coefficients are written out for each element of [groups, inner], over and over
//   until they fill a tile, and each element of a row has its own.
struct Plan {
  bool shared;
  long long total;           // elements
  long long groups, repeat;  // consecutive elements of one group
  long long columns;         // coefficients are [.., columns]
  long long period;          // elements after which the coefficients come again
  long long length, pieces;  // of a row at most; rows in a period
  long long periods, per_unit, ranges;

  explicit Plan(const Call& call) : total(call.outer * call.groups * call.inner), groups(call.groups) {
    shared = groups == 1 || call.inner >= SHORTEST_ROW;
    repeat = groups == 1 ? total : call.inner;
    period = groups * repeat;
    if (shared) {
      columns = groups;
      length = std::min(repeat, UNIT);
      pieces = columns * ((repeat + length - 1) / length);
      per_unit = std::max(1ll, UNIT / length);
    } else {
      period *= std::max(1ll, TILE / period);
      columns = period;
      length = std::min(period, TILE);
      pieces = (period + length - 1) / length;
      per_unit = std::max(1ll, 4 * UNIT / length);  // four times, as each unit has sums for all its columns
    }
    periods = (total + period - 1) / period;
    ranges = (periods + per_unit - 1) / per_unit;
  }

  long long units() const { return pieces * ranges; }

  Unit unit(long long index) const {
    long long piece = index / ranges, first = index % ranges * per_unit;
    long long in_part = shared ? pieces / columns : pieces, part_size = shared ? repeat : period;
    long long part = piece / in_part, start = piece % in_part * length;
    return {first * period + part * part_size + start, period, std::min(per_unit, periods - first),
            std::min(length, part_size - start), shared ? part : start};
  }

  // Elements of a row; the last period may be a part of one.
  int row_length(const Unit& unit, long long row) const {
    return std::max(0ll, std::min(unit.length, total - unit.offset - row * unit.stride));
  }

  long long group_of(long long column) const { return shared ? column : column / repeat % groups; }
};

}  // namespace rrn
