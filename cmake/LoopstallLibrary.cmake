# SPDX-License-Identifier: Apache-2.0

# One library per folder of agent/: loopstall_library(NAME [PUBLIC ...] [PRIVATE ...]).
# PUBLIC and PRIVATE are what it links; the sources are the folder's .cc files.
function(loopstall_library name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  if(sources)
    add_library(loopstall_${name} STATIC ${sources})
    target_include_directories(loopstall_${name} PUBLIC "${PROJECT_SOURCE_DIR}/agent")
    target_link_libraries(loopstall_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
    loopstall_compile_options(loopstall_${name})
  else()
    add_library(loopstall_${name} INTERFACE)
    target_include_directories(loopstall_${name} INTERFACE "${PROJECT_SOURCE_DIR}/agent")
    target_link_libraries(loopstall_${name} INTERFACE ${arg_PUBLIC})
  endif()
endfunction()

function(loopstall_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Werror=return-type
                         -Wno-missing-field-initializers)
  if(LOOPSTALL_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=fuzzer-no-link,address,undefined
                           -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  endif()
endfunction()

# loopstall_share_headers(OWNER [TARGET ...]): the headers that most files read are compiled once for all of these, which
# must be compiled alike.
function(loopstall_share_headers owner)
  target_precompile_headers(${owner} PRIVATE <algorithm> <cstdint> <fmt/format.h> <functional> <map> <memory>
    <nlohmann/json.hpp> <optional> <string> <string_view> <utility> <vector>)
  foreach(target IN LISTS ARGN)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endforeach()
endfunction()
