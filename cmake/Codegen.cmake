# ipex_generate_operators(): writes the registrations and rows of the operators named in the tables in csrc/aten.
function(ipex_generate_operators)
  set(output ${CMAKE_BINARY_DIR}/generated)
  set(tables ${CMAKE_CURRENT_SOURCE_DIR}/csrc/aten)
  set(tool ${CMAKE_CURRENT_SOURCE_DIR}/tools/generate_operators.py)
  set(tool_modules ${CMAKE_CURRENT_SOURCE_DIR}/tools/generate_foreach.py)
  file(GLOB_RECURSE table_files CONFIGURE_DEPENDS ${tables}/*.yaml)
  set(sources ${output}/elementwise_rows.cpp ${output}/foreach_rows.cpp ${output}/layout_fallbacks.cpp)
  foreach(shard RANGE 0 3)
    list(APPEND sources ${output}/ATen/RegisterXPU_${shard}.cpp)
  endforeach()
  foreach(layout Sparse SparseCsr Quantized NestedTensor)
    list(APPEND sources ${output}/ATen/Register${layout}XPU_0.cpp)
  endforeach()
  set(kernels ${output}/elementwise.kernels)
  # Files are only written when they change: a new row recompiles its own registration.
  add_custom_command(
    OUTPUT ${output}/operators.stamp
    BYPRODUCTS ${sources} ${kernels}
    COMMAND ${Python_EXECUTABLE} ${tool} --tables ${tables} --output ${output}
    COMMAND ${CMAKE_COMMAND} -E touch ${output}/operators.stamp
    DEPENDS ${tool} ${tool_modules} ${table_files}
    COMMENT "Generating operator registrations"
    VERBATIM)
  add_custom_target(generated_operators DEPENDS ${output}/operators.stamp)
  set_source_files_properties(${sources} PROPERTIES GENERATED TRUE)
  set(GENERATED_SOURCES ${sources} PARENT_SCOPE)
  set(GENERATED_INCLUDE_DIR ${output} PARENT_SCOPE)
  set(KERNEL_LISTS ${kernels} PARENT_SCOPE)
endfunction()
