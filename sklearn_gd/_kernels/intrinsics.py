"""Processor instructions that Python lacks."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def as_integer(context, value):
    """The 64 bits of a float as an integer."""

    def generate(target, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def as_float(context, value):
    """64 bits as a float."""

    def generate(target, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def prefetch(context, values, at):
    """Prefetch the cache line of ``values[at]``, of a 1-D array, which a later step will read."""

    def generate(target, builder, signature, arguments):
        array_type = signature.args[0]
        held = target.make_array(array_type)(target, builder, arguments[0])
        place = cgutils.get_item_pointer(target, builder, array_type, held, [arguments[1]], wraparound=False)
        address, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        read, keep, data = ir.Constant(number, 0), ir.Constant(number, 3), ir.Constant(number, 1)
        builder.call(function, [builder.bitcast(place, address), read, keep, data])
        return target.get_dummy_value()

    return types.void(values, types.intp), generate


@intrinsic
def values_per_line(context, values):
    """The number of values of an array in a cache line; known to the compiler, so that loops divide by it without a division."""

    def generate(target, builder, signature, arguments):
        return ir.Constant(ir.IntType(64), 64 * 8 // values.dtype.bitwidth)

    return types.int64(values), generate
