#include "python/kernel_arguments.h"

#include <ATen/Dispatch_v2.h>
#include <c10/util/overflows.h>
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/utils/pybind.h>

#include <cstring>
#include <unordered_map>

namespace py = pybind11;

namespace ipex::python {
namespace {

using c10::ScalarType;
using jit::Parameter;

// What a C++ type is to torch. Other types take tensors of any dtype, and bytes as values.
std::optional<ScalarType> dtype_of(std::string_view type) {
  static const std::unordered_map<std::string_view, ScalarType> dtypes{
      {"float", c10::kFloat},
      {"double", c10::kDouble},
      {"sycl::_V1::detail::half_impl::half", c10::kHalf},
      {"_Float16", c10::kHalf},
      {"sycl::_V1::ext::oneapi::bfloat16", c10::kBFloat16},
      {"ipex::kernels::bfloat16", c10::kBFloat16},
      {"ipex::kernels::complex<float>", c10::kComplexFloat},
      {"ipex::kernels::complex<double>", c10::kComplexDouble},
      {"std::complex<float>", c10::kComplexFloat},
      {"std::complex<double>", c10::kComplexDouble},
      {"bool", c10::kBool},
      {"char", c10::kChar},
      {"signed char", c10::kChar},
      {"unsigned char", c10::kByte},
      {"short", c10::kShort},
      {"unsigned short", c10::kUInt16},
      {"int", c10::kInt},
      {"unsigned int", c10::kUInt32},
      {"long", c10::kLong},
      {"long long", c10::kLong},
      {"unsigned long", c10::kUInt64},
      {"unsigned long long", c10::kUInt64},
  };
  const auto found = dtypes.find(type);
  return found == dtypes.end() ? std::nullopt : std::optional(found->second);
}

// The same of the elements of a vector.
std::optional<ScalarType> element_dtype_of(std::string_view type) {
  for (const std::string_view vector : {"sycl::_V1::vec<", "sycl::_V1::marray<"}) {
    if (type.starts_with(vector)) return dtype_of(type.substr(vector.size(), type.find(',') - vector.size()));
  }
  return dtype_of(type);
}

bool fits(ScalarType dtype, std::int64_t number) {
  return AT_DISPATCH_V2(dtype, "compile_kernel", AT_WRAP([&] {
                          return !c10::overflows<scalar_t, std::int64_t>(number, /*strict_unsigned=*/true);
                        }),
                        AT_EXPAND(AT_INTEGRAL_TYPES), AT_EXPAND(AT_BAREBONES_UNSIGNED_TYPES), c10::kBool);
}

void put(ScalarType dtype, const c10::Scalar& scalar, unsigned char* bytes) {
  AT_DISPATCH_V2(dtype, "compile_kernel", AT_WRAP([&] {
                   const auto number = scalar.to<scalar_t>();
                   std::memcpy(bytes, &number, sizeof(number));
                 }),
                 AT_EXPAND(AT_ALL_TYPES_AND_COMPLEX), c10::kHalf, c10::kBFloat16, c10::kBool,
                 AT_EXPAND(AT_BAREBONES_UNSIGNED_TYPES));
}

}  // namespace

KernelParameter::KernelParameter(Parameter parameter)
    : Parameter(std::move(parameter)),
      dtype(kind == Kind::pointer ? element_dtype_of(type) : dtype_of(type)) {}

void KernelArguments::set(std::size_t index, std::size_t position, const KernelParameter& parameter,
                          PyObject* object) {
  position_ = position;
  parameter_ = &parameter;
  if (parameter.kind == Parameter::Kind::pointer) {
    arguments_[index] = {jit::Argument::Kind::pointer, address(object), 0};
  } else {
    arguments_[index] = value(object, values_[index].bytes);
  }
}

void KernelArguments::pack(kernels::PackedParams& params) const {
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    const auto& argument = arguments_[i];
    if (argument.kind == jit::Argument::Kind::pointer) {
      std::memcpy(params.bytes[i], &argument.data, sizeof(argument.data));
    } else {
      std::memcpy(params.bytes[i], argument.data, argument.size);
    }
  }
}

void KernelArguments::mark_written() const {
  for (const auto* tensor : written_) {
    if (!tensor->is_inference()) tensor->unsafeGetTensorImpl()->bump_version();
  }
}

std::string KernelArguments::where() const {
  return c10::str("kernel ", kernel_, ": argument ", position_, " (", parameter_->text, ")");
}

const void* KernelArguments::address(PyObject* object) {
  if (object == Py_None) return nullptr;
  TORCH_CHECK_TYPE(THPVariable_Check(object), where(), " must be a tensor or None, not ",
                   type_name_of(object));
  const auto& tensor = THPVariable_Unpack(object);
  TORCH_CHECK(tensor.is_xpu(), where(), " must be a tensor on an xpu device, but it is on ", tensor.device());
  TORCH_CHECK(!device_ || *device_ == tensor.device(), where(), " is on ", tensor.device(),
              ", but the tensors before it are on ", device_.value_or(tensor.device()));
  device_ = tensor.device();
  TORCH_CHECK_TYPE(!parameter_->dtype || *parameter_->dtype == tensor.scalar_type(), where(),
                   " must be a tensor of ", parameter_->dtype.value_or(tensor.scalar_type()), ", not of ",
                   tensor.scalar_type());
  TORCH_CHECK_VALUE(strided_ || tensor.is_contiguous(), where(), " must be contiguous, but has sizes ",
                    tensor.sizes(), " and strides ", tensor.strides(),
                    "; pass tensor.contiguous(), or compile with strided=True and pass the strides too");
  TORCH_CHECK_VALUE(!tensor.is_conj() && !tensor.is_neg(), where(),
                    " has its conjugation or sign pending; pass tensor.resolve_conj().resolve_neg()");
  if (parameter_->writable) written_.push_back(&tensor);
  return parameter_->writable ? tensor.mutable_data_ptr() : tensor.const_data_ptr();
}

jit::Argument KernelArguments::value(PyObject* object, unsigned char* bytes) const {
  if (PyBytes_Check(object)) {
    TORCH_CHECK_TYPE(!parameter_->dtype, where(), " must be a number, not bytes");
    return {jit::Argument::Kind::value, PyBytes_AS_STRING(object),
            static_cast<std::size_t>(PyBytes_GET_SIZE(object))};
  }
  TORCH_CHECK_TYPE(parameter_->dtype, where(), " must be bytes that hold the object, not ",
                   type_name_of(object));
  TORCH_CHECK_TYPE(!THPVariable_Check(object), where(),
                   " must be a number, not a tensor; pass tensor.item(), or let the kernel take a pointer");
  store(object, *parameter_->dtype, bytes);
  return {jit::Argument::Kind::value, bytes, c10::elementSize(*parameter_->dtype)};
}

void KernelArguments::store(PyObject* object, ScalarType dtype, unsigned char* bytes) const {
  if (c10::isComplexType(dtype)) {
    const Py_complex number = PyComplex_AsCComplex(object);
    check_number(object, "a number");
    put(dtype, c10::Scalar(c10::complex<double>(number.real, number.imag)), bytes);
  } else if (c10::isFloatingType(dtype)) {
    const double number = PyFloat_AsDouble(object);
    check_number(object, "a number");
    put(dtype, c10::Scalar(number), bytes);
  } else {
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(object));
    check_number(object, "an integer");
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
    if (overflow > 0 && dtype == c10::kUInt64) {
      const auto large = PyLong_AsUnsignedLongLong(index.ptr());
      overflow = PyErr_Occurred() != nullptr;
      PyErr_Clear();
      std::memcpy(bytes, &large, sizeof(large));
      if (overflow == 0) return;
    }
    const c10::Scalar scalar(static_cast<std::int64_t>(number));
    TORCH_CHECK_VALUE(overflow == 0 && fits(dtype, number), where(), " cannot hold ",
                      py::str(object).cast<std::string>());
    put(dtype, scalar, bytes);
  }
}

void KernelArguments::check_number(PyObject* object, const char* expected) const {
  if (PyErr_Occurred() == nullptr) return;
  PyErr_Clear();
  TORCH_CHECK_TYPE(false, where(), " must be ", expected, ", not ", type_name_of(object));
}

}  // namespace ipex::python
