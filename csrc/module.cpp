// The Python module around rational_cpu.cpp and histogram.cpp. Tensors come as addresses; rrn/activations/ops/cpu.py
// has checked them.
#define Py_LIMITED_API 0x030A0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <new>

#include "histogram.h"
#include "rational_cpu.h"

#ifndef RRN_MODULE
#define RRN_MODULE rrn_cpu
#endif
#define RRN_JOIN(x, y) x##y
#define RRN_INIT(name) RRN_JOIN(PyInit_, name)
#define RRN_TEXT(name) RRN_STRING(name)
#define RRN_STRING(name) #name

namespace {

// The arguments, all integers, in the order in which they are taken.
struct Arguments {
  PyObject* const* next;
  long long number() { return PyLong_AsLongLong(*next++); }
  template <class T>
  T* address() { return reinterpret_cast<T*>(number()); }
};

// Does the work without the lock of the interpreter; returns None, or sets a Python error and returns null.
template <class Call>
PyObject* without_lock(void (*work)(const Call&), const Call& call) {
  if (PyErr_Occurred()) return nullptr;
  bool enough_memory = true;
  Py_BEGIN_ALLOW_THREADS
  try {
    work(call);
  } catch (const std::bad_alloc&) {
    enough_memory = false;
  }
  Py_END_ALLOW_THREADS
  if (!enough_memory) return PyErr_NoMemory();
  Py_RETURN_NONE;
}

// METH_FASTCALL has another type than PyCFunction; this is how it is written in a table of methods.
template <class Function>
PyCFunction fastcall(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyObject* wrong_count(const char* name, int expected, Py_ssize_t count) {
  return PyErr_Format(PyExc_TypeError, "%s: expected %d integers, got %zd arguments", name, expected, count);
}

PyObject* no_memory() {
  PyErr_SetString(PyExc_ValueError,
                  "expected tensors with memory of their own; this one has none, as the parts of a sharded model "
                  "between its passes: shard the network as a whole, so that each activation site has the "
                  "coefficients.");
  return nullptr;
}

// The first ten arguments of forward and of backward: how the arrays are seen, and the inputs.
rrn::Call problem(rrn::Pass pass, Arguments& from) {
  rrn::Call call{};
  call.pass = pass;
  call.is_double = from.number();
  call.version = static_cast<rrn::Version>(from.number());
  call.outer = from.number();
  call.groups = from.number();
  call.inner = from.number();
  call.n = from.number();
  call.k = from.number();
  call.x = from.address<void>();
  call.a = from.address<void>();
  call.b = from.address<void>();
  return call;
}

constexpr char FORWARD_DOC[] =
    "forward(is_double, version, outer, groups, inner, n, k, x, a, b, y, parallel_for)\n\n"
    "Write R(x) to y. Arrays are addresses, shaped as csrc/rational_cpu.h says; parallel_for is the address of torch's "
    "function of this name, or 0 for one thread.";

PyObject* forward(PyObject*, PyObject* const* values, Py_ssize_t count) {
  if (count != 12) return wrong_count("forward", 12, count);
  Arguments from{values};
  rrn::Call call = problem(rrn::Pass::forward, from);
  call.y = from.address<void>();
  call.parallel_for = reinterpret_cast<rrn::ParallelFor>(from.number());
  if (!(call.x && call.a && call.b && call.y)) return no_memory();
  return without_lock(rrn::run, call);
}

constexpr char BACKWARD_DOC[] =
    "backward(is_double, version, outer, groups, inner, n, k, x, a, b, grad, grad_x, grad_a, grad_b, parallel_for)\n\n"
    "Write the gradients w.r.t. x, a and b to grad_x, grad_a and grad_b; grad is the gradient w.r.t. R(x). All else as "
    "for forward.";

PyObject* backward(PyObject*, PyObject* const* values, Py_ssize_t count) {
  if (count != 15) return wrong_count("backward", 15, count);
  Arguments from{values};
  rrn::Call call = problem(rrn::Pass::backward, from);
  call.grad = from.address<void>();
  call.grad_x = from.address<void>();
  call.grad_a = from.address<void>();
  call.grad_b = from.address<void>();
  call.parallel_for = reinterpret_cast<rrn::ParallelFor>(from.number());
  if (!(call.x && call.a && call.b && call.grad && call.grad_x && call.grad_a && call.grad_b)) return no_memory();
  return without_lock(rrn::run, call);
}

constexpr char HISTOGRAM_DOC[] =
    "histogram(is_double, x, length, edges, bins, counts, parallel_for)\n\n"
    "Add the elements of x to the counts. Arrays are addresses, shaped as csrc/histogram.h says; parallel_for as for "
    "forward.";

PyObject* histogram(PyObject*, PyObject* const* values, Py_ssize_t count) {
  if (count != 7) return wrong_count("histogram", 7, count);
  Arguments from{values};
  rrn::HistogramCall call;
  call.is_double = from.number();
  call.x = from.address<void>();
  call.length = from.number();
  call.edges = from.address<double>();
  call.bins = from.number();
  call.counts = from.address<long long>();
  call.parallel_for = reinterpret_cast<rrn::ParallelFor>(from.number());
  if (call.length && !call.x) return no_memory();
  return without_lock(rrn::histogram, call);
}

constexpr char CAPABILITY_DOC[] =
    "capability()\n\n"
    "Name the widest set of instructions that this processor and the kernels have, as torch does: AVX512, AVX2 or "
    "DEFAULT.";

PyObject* capability(PyObject*, PyObject*) {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return PyUnicode_FromString("AVX512");
  if (avx2) return PyUnicode_FromString("AVX2");
#endif
  return PyUnicode_FromString("DEFAULT");
}

PyMethodDef methods[] = {{"forward", fastcall(forward), METH_FASTCALL, FORWARD_DOC},
                         {"backward", fastcall(backward), METH_FASTCALL, BACKWARD_DOC},
                         {"histogram", fastcall(histogram), METH_FASTCALL, HISTOGRAM_DOC},
                         {"capability", capability, METH_NOARGS, CAPABILITY_DOC},
                         {nullptr, nullptr, 0, nullptr}};
PyModuleDef module = {PyModuleDef_HEAD_INIT, RRN_TEXT(RRN_MODULE), nullptr, -1, methods,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC RRN_INIT(RRN_MODULE)(void) { return PyModule_Create(&module); }
