# Everything the build needs comes from Python packages; ask Python where they are.
execute_process(
  COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/tools/locate_dependencies.py
  OUTPUT_VARIABLE LOCATED RESULT_VARIABLE FAILED ERROR_VARIABLE LOCATE_ERROR OUTPUT_STRIP_TRAILING_WHITESPACE)
if(FAILED)
  message(FATAL_ERROR "${LOCATE_ERROR}")
endif()
list(GET LOCATED 0 TORCH_DIR)
list(GET LOCATED 1 SYCL_INCLUDE_DIR)
list(GET LOCATED 2 SYCL_LIBRARY_DIR)
list(GET LOCATED 3 ONEDNN_INCLUDE_DIR)
list(GET LOCATED 4 ONEDNN_LIBRARY_DIR)
list(GET LOCATED 5 ONEMKL_INCLUDE_DIR)
list(GET LOCATED 6 ONEMKL_LIBRARY_DIR)
list(GET LOCATED 7 TBB_INCLUDE_DIR)
list(GET LOCATED 8 TBB_LIBRARY_DIR)
message(STATUS "torch: ${TORCH_DIR}; SYCL: ${SYCL_LIBRARY_DIR}; oneDNN: ${ONEDNN_LIBRARY_DIR}; oneMKL: ${ONEMKL_LIBRARY_DIR}")

add_library(sycl_runtime INTERFACE)
target_include_directories(sycl_runtime SYSTEM INTERFACE ${SYCL_INCLUDE_DIR})
target_compile_definitions(sycl_runtime INTERFACE SYCL_DISABLE_FSYCL_SYCLHPP_WARNING CL_TARGET_OPENCL_VERSION=300)
target_link_libraries(sycl_runtime INTERFACE ${SYCL_LIBRARY_DIR}/libsycl.so ${SYCL_LIBRARY_DIR}/libOpenCL.so)

add_library(torch_core INTERFACE)
target_include_directories(torch_core SYSTEM INTERFACE
  ${TORCH_DIR}/include ${TORCH_DIR}/include/torch/csrc/api/include)
target_link_libraries(torch_core INTERFACE
  ${TORCH_DIR}/lib/libtorch.so ${TORCH_DIR}/lib/libtorch_cpu.so ${TORCH_DIR}/lib/libc10.so)

add_library(torch_python INTERFACE)
target_link_libraries(torch_python INTERFACE torch_core ${TORCH_DIR}/lib/libtorch_python.so)

add_library(onednn INTERFACE)
target_include_directories(onednn SYSTEM INTERFACE ${ONEDNN_INCLUDE_DIR})
target_link_libraries(onednn INTERFACE ${ONEDNN_LIBRARY_DIR}/libdnnl.so)

add_library(tbb INTERFACE)
target_include_directories(tbb SYSTEM INTERFACE ${TBB_INCLUDE_DIR})
target_link_libraries(tbb INTERFACE ${TBB_LIBRARY_DIR}/libtbb.so.12)

# The libraries for SYCL, and those for the host that they use without naming them.
add_library(onemkl INTERFACE)
target_include_directories(onemkl SYSTEM INTERFACE ${ONEMKL_INCLUDE_DIR})
target_compile_definitions(onemkl INTERFACE MKL_ILP64)
target_link_options(onemkl INTERFACE -Wl,--no-as-needed)
foreach(name mkl_sycl_dft.so.6 mkl_sycl_lapack.so.6 mkl_sycl_blas.so.6
    mkl_intel_ilp64.so.3 mkl_tbb_thread.so.3 mkl_core.so.3)
  target_link_libraries(onemkl INTERFACE ${ONEMKL_LIBRARY_DIR}/lib${name})
endforeach()
