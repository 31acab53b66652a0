# ipex_generate_operators(): writes the registrations of the operators named in csrc/aten/operators.yaml.
function(ipex_generate_operators)
  set(GENERATED_SOURCES "" PARENT_SCOPE)
  set(GENERATED_INCLUDE_DIR ${CMAKE_BINARY_DIR}/generated PARENT_SCOPE)
endfunction()
