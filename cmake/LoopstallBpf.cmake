# SPDX-License-Identifier: Apache-2.0
find_program(CLANG_BPF clang REQUIRED)
find_program(BPFTOOL bpftool REQUIRED PATHS /usr/sbin /sbin)

# loopstall_bpf_object(NAME): NAME.bpf.c -> NAME.bpf.o -> NAME.skel.h, and an interface library
# loopstall_bpf_NAME that carries the generated header's folder. Header changes rebuild it through
# clang's depfile.
function(loopstall_bpf_object name)
  string(REGEX REPLACE "^(amd64|AMD64)$" "x86_64" arch "${CMAKE_SYSTEM_PROCESSOR}")
  if(arch STREQUAL "x86_64")
    set(target_arch x86)
  elseif(arch STREQUAL "aarch64")
    set(target_arch arm64)
  else()
    message(FATAL_ERROR "loopstall's BPF programs support x86_64 and aarch64, not ${arch}")
  endif()
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c")
  set(object "${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o")
  set(linked "${CMAKE_CURRENT_BINARY_DIR}/${name}.linked.bpf.o")
  set(skeleton "${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h")
  add_custom_command(
    OUTPUT "${object}"
    COMMAND "${CLANG_BPF}" -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_${target_arch}
            -Wall -Wextra -Wno-unused-parameter -Wno-missing-declarations -Wno-unused-function
            -I "${CMAKE_CURRENT_SOURCE_DIR}" -I "${PROJECT_SOURCE_DIR}/bpf/vmlinux/${arch}"
            -MMD -MF "${object}.d" -MT "${object}" -c "${source}" -o "${object}"
    DEPENDS "${source}" DEPFILE "${object}.d"
    COMMENT "BPF object ${name}" VERBATIM)
  add_custom_command(
    OUTPUT "${skeleton}"
    COMMAND "${BPFTOOL}" gen object "${linked}" "${object}"
    COMMAND sh -c "\"$0\" gen skeleton \"$1\" name \"$2\" > \"$3\"" "${BPFTOOL}" "${linked}" "${name}_bpf" "${skeleton}"
    DEPENDS "${object}" COMMENT "BPF skeleton ${name}" VERBATIM)
  add_custom_target(loopstall_bpf_${name}_skeleton DEPENDS "${skeleton}")
  add_library(loopstall_bpf_${name} INTERFACE)
  add_dependencies(loopstall_bpf_${name} loopstall_bpf_${name}_skeleton)
  target_include_directories(loopstall_bpf_${name} SYSTEM INTERFACE "${CMAKE_CURRENT_BINARY_DIR}")
  # wire/, the header that both sides share.
  target_include_directories(loopstall_bpf_${name} INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}")
endfunction()
