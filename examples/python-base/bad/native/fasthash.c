/* The 64-bit xxHash of a byte string, from the system's libxxhash. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <xxhash.h>

static PyObject *digest(PyObject *self, PyObject *args) {
    const char *data;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "y#", &data, &length)) return NULL;
    return PyLong_FromUnsignedLongLong(XXH64(data, (size_t)length, 0));
}

static PyMethodDef methods[] = {
    {"digest", digest, METH_VARARGS, "The 64-bit xxHash of a byte string."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fasthash", NULL, -1, methods};

PyMODINIT_FUNC PyInit_fasthash(void) { return PyModule_Create(&module); }
