// Enough of CUDA for csrc/rational.cu to run on a CPU, each thread of a block as a thread, one block after the other:
// slow, but it finds wrong indices and sums without a GPU.
#pragma once

#include <barrier>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#define __global__
#define __launch_bounds__(...)
#define __shared__ static

constexpr int BLOCK = 256, LANES_OF_WARP = 32;
struct Index { long long x; };
static thread_local Index blockIdx, threadIdx;
static Index gridDim;
static std::barrier<> everyone(BLOCK);

static void __syncthreads() { everyone.arrive_and_wait(); }

template <class T>
static T __shfl_down_sync(unsigned, T value, int distance) {
  static T values[BLOCK];
  values[threadIdx.x] = value;
  __syncthreads();
  int lane = threadIdx.x % LANES_OF_WARP;
  T found = lane + distance < LANES_OF_WARP ? values[threadIdx.x + distance] : value;
  __syncthreads();
  return found;
}

static float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
static unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

using std::fmax;
using std::ilogb;
using std::ldexp;

template <class Kernel>
static void run_blocks(long long blocks, const Kernel& kernel) {
  gridDim.x = blocks;
  std::vector<std::thread> threads;
  for (int i = 0; i < BLOCK; ++i)
    threads.emplace_back([&, i] {
      threadIdx.x = i;
      for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
        kernel();
        __syncthreads();
      }
    });
  for (auto& thread : threads) thread.join();
}

#include RRN_SOURCE

// The arguments as rrn/activations/ops/cuda.py gives them: pointers, then whole numbers.
extern "C" void run_forward(long long blocks, const void* x, const void* a, const void* b, void* y, long long outer,
                            long long groups, long long inner, long long chunks, long long columns) {
  using namespace rrn;
  run_blocks(blocks, [&] { forward((const E*)x, (const T*)a, (const T*)b, (E*)y, outer, groups, inner, chunks, columns); });
}

extern "C" void run_backward(long long blocks, const void* x, const void* a, const void* b, const void* grad,
                             void* grad_x, void* partial, long long outer, long long groups, long long inner,
                             long long chunks, long long columns) {
  using namespace rrn;
  run_blocks(blocks, [&] {
    backward((const E*)x, (const T*)a, (const T*)b, (const E*)grad, (E*)grad_x, (T*)partial, outer, groups, inner,
             chunks, columns);
  });
}

extern "C" void run_finish(long long blocks, const void* partial, const void* b, void* grad_a, void* grad_b,
                           long long chunks, long long groups, long long repeats, long long run) {
  using namespace rrn;
  run_blocks(blocks, [&] { finish((const T*)partial, (const T*)b, (T*)grad_a, (T*)grad_b, chunks, groups, repeats, run); });
}
