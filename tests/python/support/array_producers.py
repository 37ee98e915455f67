"""Arrays as other libraries hand them over: DLPack capsules, CUDA array interfaces, wrong ones."""

from __future__ import annotations

import ctypes

import numpy as np

CPU, CUDA, CUDA_HOST, ROCM = 1, 2, 3, 10


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("axes", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _DELETER)]


class _ManagedVersioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", _DELETER),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


_CODES = {"i": 0, "u": 1, "f": 2}
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class DLPackArray:
    """Hands an array over by DLPack alone, in its words of before or after version 1.

    `asked` lists what `__dlpack__` was called with, `deleted` counts the calls of the deleter.
    """

    def __init__(self, array, device=(CPU, 0), major=1, address=None):
        self.array, self.device, self.major = array, device, major
        self.address = array.ctypes.data if address is None else address
        self.asked: list[dict] = []
        self.deleted = 0
        self._kept: list = []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **arguments):
        if self.major == 0 and "max_version" in arguments:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        self.asked.append(arguments)
        array = self.array
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        strides = (ctypes.c_int64 * array.ndim)(*(s // array.itemsize for s in array.strides))
        tensor = _Tensor(
            self.address, _Device(*self.device), array.ndim, _CODES[array.dtype.kind],
            8 * array.itemsize, 1, shape, strides, 0,
        )  # fmt: skip
        deleter = _DELETER(self._delete)
        if self.major == 0:
            managed, name = _Managed(tensor, None, deleter), b"dltensor"
        else:
            managed = _ManagedVersioned(self.major, 0, None, deleter, 0, tensor)
            name = b"dltensor_versioned"
        self._kept += [shape, strides, deleter, managed]
        return _new_capsule(ctypes.addressof(managed), name, None)

    def _delete(self, _):
        self.deleted += 1


class CudaArray:
    """Hands an address over by ``__cuda_array_interface__`` alone; `fields` replace the good ones.

    A field that is `...` is left out.
    """

    def __init__(self, array, **fields):
        self.array = array
        good = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "strides": None,
            "stream": None,
            "version": 3,
        }
        self.interface = {k: v for k, v in (good | fields).items() if v is not ...}

    @property
    def __cuda_array_interface__(self):
        return self.interface


def some_clip(spec, seed=3):
    """float32 [T, 3, H, W]"""
    shape = (spec.length, 3, spec.height, spec.width)
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


_capsule_name = ctypes.pythonapi.PyCapsule_GetName
_capsule_name.restype = ctypes.c_char_p
_capsule_name.argtypes = [ctypes.py_object]
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def tensor_in(capsule):
    """The tensor that a capsule holds and, where it is of version 1, its flags."""
    name = _capsule_name(capsule)
    address = _capsule_pointer(capsule, name)
    if name == b"dltensor":
        return _Managed.from_address(address).tensor, None
    managed = _ManagedVersioned.from_address(address)
    return managed.tensor, managed.flags
