// Counts of the elements of an array per bin, as NumPy counts them.
#pragma once

#include "rational_cpu.h"

namespace rrn {

// Counts are [bins + 3]: elements below the first edge, those of each bin, those above the last edge, NaN. The last
// bin has both its edges. Edges are [bins + 1], rising and evenly spaced; x is an array of float or of double.
struct HistogramCall {
  bool is_double;
  const void* x;
  long long length;
  const double* edges;
  long long bins;
  long long* counts;  // the elements are added to what is there
  ParallelFor parallel_for;
};

void histogram(const HistogramCall& call);

}  // namespace rrn
