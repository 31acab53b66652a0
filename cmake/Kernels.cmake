# ipex_add_kernel_archive(target output): compiles csrc/kernels ahead of time into one archive of SPIR-V.
# What to compile: csrc/kernels/instantiate.yaml and the lists that code generation made (KERNEL_LISTS).
# The compiler is part of the SYCL runtime and needs some device to start; Intel's OpenCL for CPUs, a dependency of
# the package, always is one.
set(IPEX_KERNEL_CACHE "" CACHE PATH "Keeps compiled kernels between builds; if empty, ccache's folder or the build's")

function(ipex_add_kernel_archive target output)
  set(kernels ${CMAKE_CURRENT_SOURCE_DIR}/csrc/kernels)
  set(expand ${CMAKE_CURRENT_SOURCE_DIR}/tools/expand_instantiations.py)
  set(list ${CMAKE_CURRENT_BINARY_DIR}/instantiations.txt)
  set(cache ${IPEX_KERNEL_CACHE})
  if(NOT cache AND DEFINED ENV{CCACHE_DIR})
    set(cache $ENV{CCACHE_DIR}/sycl_kernels) # shared by the build folders that share ccache
  elseif(NOT cache)
    set(cache ${CMAKE_CURRENT_BINARY_DIR}/kernel_cache)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${kernels}/*.hpp ${kernels}/*.h)

  add_custom_command(OUTPUT ${list}
    COMMAND ${Python_EXECUTABLE} ${expand} ${kernels}/instantiate.yaml ${list}
    DEPENDS ${expand} ${kernels}/instantiate.yaml
    COMMENT "Listing kernel instantiations" VERBATIM)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E env
      OCL_ICD_FILENAMES=${SYCL_LIBRARY_DIR}/libintelocl.so LD_LIBRARY_PATH=${SYCL_LIBRARY_DIR}
      ONEAPI_DEVICE_SELECTOR=opencl:cpu
      $<TARGET_FILE:kernel_compiler> --output ${output} --root ${CMAKE_CURRENT_SOURCE_DIR}/csrc --cache ${cache}
      ${list} ${KERNEL_LISTS}
    DEPENDS kernel_compiler ${list} ${KERNEL_LISTS} ${sources}
    COMMENT "Compiling kernels ahead of time" USES_TERMINAL VERBATIM)
  get_filename_component(folder ${output} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_target(${target} ALL DEPENDS ${output})
endfunction()
