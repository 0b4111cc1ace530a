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

// The arguments, all whole numbers, in the order in which they are taken.
struct Arguments {
  PyObject* const* next;
  long long number() { return PyLong_AsLongLong(*next++); }
  template <class T>
  T* address() { return reinterpret_cast<T*>(number()); }
};

// The work, with other Python threads running meanwhile; None, or a Python error.
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

PyObject* no_memory() {
  PyErr_SetString(PyExc_ValueError,
                  "expected tensors with memory of their own; this one has none, as the parts of a sharded model between "
                  "its passes: shard the network as a whole, so that the coefficients are there at each place.");
  return nullptr;
}

PyObject* run(PyObject*, PyObject* const* values, Py_ssize_t count) {
  if (count != 16) return PyErr_Format(PyExc_TypeError, "run: expected 16 whole numbers, got %zd arguments", count);
  Arguments from{values};
  rrn::Call call;
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
  call.y = from.address<void>();
  call.grad = from.address<void>();
  call.grad_x = from.address<void>();
  call.grad_a = from.address<void>();
  call.grad_b = from.address<void>();
  call.parallel_for = reinterpret_cast<rrn::ParallelFor>(from.number());
  bool there = call.x && call.a && call.b && (call.grad ? call.grad_x && call.grad_a && call.grad_b : call.y != nullptr);
  if (!there) return no_memory();
  return without_lock(rrn::run, call);
}

PyObject* histogram(PyObject*, PyObject* const* values, Py_ssize_t count) {
  if (count != 7) return PyErr_Format(PyExc_TypeError, "histogram: expected 7 whole numbers, got %zd arguments", count);
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

PyMethodDef methods[] = {{"run", fastcall(run), METH_FASTCALL, nullptr},
                         {"histogram", fastcall(histogram), METH_FASTCALL, nullptr},
                         {nullptr, nullptr, 0, nullptr}};
PyModuleDef module = {PyModuleDef_HEAD_INIT, RRN_TEXT(RRN_MODULE), nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC RRN_INIT(RRN_MODULE)(void) { return PyModule_Create(&module); }
