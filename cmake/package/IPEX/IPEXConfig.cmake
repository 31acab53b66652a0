# find_package(IPEX): Intel Extension for PyTorch for C++.
#
#   IPEX::ipex              the target to link with; brings Torch, SYCL's runtime and the headers <ipex/...>
#   TORCH_IPEX_LIBRARIES    the same for target_link_libraries
#   TORCH_IPEX_INCLUDE_DIRS its folders of headers
#   ipex_add_sycl_kernels(target file... [INSTANTIATE pattern...] [OPTIONS option...] [MODULE name])
#     makes the kernels of .sycl.cpp files part of the target; ipex::launch finds them under the name of their
#     file without its endings, or MODULE where there is one file. INSTANTIATE lists what is compiled when the
#     target is built, as `python -m intel_extension_for_pytorch.compile -k` takes it; of several files each
#     gets what it declares. The rest is compiled on first use.
#
# CMAKE_PREFIX_PATH must hold `intel_extension_for_pytorch.cmake_prefix_path`, and torch.utils.cmake_prefix_path
# unless Torch is found otherwise.
include(CMakeFindDependencyMacro)
if(NOT Python_EXECUTABLE)
  find_package(Python COMPONENTS Interpreter QUIET)
endif()

# Torch lists itself, and what it needs of the machine is not needed to build an extension.
if(NOT TARGET torch)
  execute_process(COMMAND ${Python_EXECUTABLE} -m intel_extension_for_pytorch.compile --paths torch
    OUTPUT_VARIABLE IPEX_TORCH_PREFIX OUTPUT_STRIP_TRAILING_WHITESPACE)
  list(APPEND CMAKE_PREFIX_PATH ${IPEX_TORCH_PREFIX})
  find_dependency(Torch)
endif()

foreach(kind include library)
  execute_process(COMMAND ${Python_EXECUTABLE} -m intel_extension_for_pytorch.compile --paths ${kind}
    OUTPUT_VARIABLE IPEX_${kind}_FOLDERS OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE IPEX_FAILED)
  if(IPEX_FAILED)
    set(IPEX_FOUND FALSE)
    set(IPEX_NOT_FOUND_MESSAGE
      "${Python_EXECUTABLE} cannot import intel_extension_for_pytorch; set Python_EXECUTABLE to one that can")
    return()
  endif()
endforeach()

set(TORCH_IPEX_INCLUDE_DIRS ${IPEX_include_FOLDERS})
set(TORCH_IPEX_LIBRARIES IPEX::ipex)
if(NOT TARGET IPEX::ipex)
  list(GET IPEX_library_FOLDERS 0 IPEX_LIBRARY_FOLDER)
  list(GET IPEX_library_FOLDERS 1 IPEX_SYCL_FOLDER)
  add_library(IPEX::ipex SHARED IMPORTED)
  set_target_properties(IPEX::ipex PROPERTIES
    IMPORTED_LOCATION ${IPEX_LIBRARY_FOLDER}/libintel_extension_for_pytorch.so
    INTERFACE_INCLUDE_DIRECTORIES "${TORCH_IPEX_INCLUDE_DIRS}"
    INTERFACE_COMPILE_DEFINITIONS SYCL_DISABLE_FSYCL_SYCLHPP_WARNING
    INTERFACE_COMPILE_FEATURES cxx_std_20
    INTERFACE_LINK_LIBRARIES "torch;${IPEX_SYCL_FOLDER}/libsycl.so")
endif()

# The patterns whose kernels, functors or operations the text of a file has.
function(ipex_patterns_declared file patterns result)
  file(READ ${file} text)
  set(declared)
  foreach(pattern IN LISTS patterns)
    string(REGEX REPLACE "^(elementwise|reduction):" "" name "${pattern}")
    string(REGEX REPLACE "[</{:][^:].*$|[</{]$" "" name "${name}")
    string(REGEX REPLACE "^.*::" "" name "${name}")
    if(text MATCHES "[^A-Za-z0-9_]${name}")
      list(APPEND declared "${pattern}")
    endif()
  endforeach()
  set(${result} "${declared}" PARENT_SCOPE)
endfunction()

function(ipex_add_sycl_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 KERNELS "" "MODULE" "INSTANTIATE;OPTIONS")
  set(files ${KERNELS_UNPARSED_ARGUMENTS})
  list(LENGTH files count)
  if(count EQUAL 0 OR (KERNELS_MODULE AND count GREATER 1))
    message(FATAL_ERROR "ipex_add_sycl_kernels(${target}): expected .sycl.cpp files, one where MODULE is given, "
      "but got ${count}")
  endif()
  set(options ${KERNELS_OPTIONS})
  list(TRANSFORM options PREPEND "--option=")
  set(unknown ${KERNELS_INSTANTIATE})
  foreach(file IN LISTS files)
    get_filename_component(source ${file} ABSOLUTE)
    get_filename_component(module ${file} NAME_WE)
    if(KERNELS_MODULE)
      set(module ${KERNELS_MODULE})
    endif()
    set(patterns "${KERNELS_INSTANTIATE}")
    if(count GREATER 1)
      ipex_patterns_declared(${source} "${KERNELS_INSTANTIATE}" patterns)
    endif()
    if(patterns)
      list(REMOVE_ITEM unknown ${patterns})
    endif()
    list(TRANSFORM patterns PREPEND "--kernel=")
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_kernels/${module}_kernels.cpp)
    add_custom_command(OUTPUT ${output}
      COMMAND ${Python_EXECUTABLE} -m intel_extension_for_pytorch.compile ${source} -o ${output}
        --module ${module} --depfile ${output}.d ${patterns} ${options}
      DEPENDS ${source} DEPFILE ${output}.d COMMENT "Compiling kernels of ${file}" VERBATIM)
    target_sources(${target} PRIVATE ${output})
  endforeach()
  if(unknown)
    message(FATAL_ERROR "ipex_add_sycl_kernels(${target}): none of ${files} declares ${unknown}")
  endif()
endfunction()
