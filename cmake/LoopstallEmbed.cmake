# SPDX-License-Identifier: Apache-2.0

# loopstall_embed(TARGET NAMESPACE kName=path ...): compiles files of web/ into the target, as string views of that
# namespace. The bundles there are made by web/build.mjs; a test compares.
function(loopstall_embed target namespace)
  set(source "${PROJECT_SOURCE_DIR}/web")
  set(embedded "${CMAKE_CURRENT_BINARY_DIR}/web_embedded.cc")
  set(files)
  foreach(pair IN LISTS ARGN)
    string(REGEX REPLACE "^[^=]*=" "" file "${pair}")
    list(APPEND files "${source}/${file}")
  endforeach()
  add_custom_command(
    OUTPUT "${embedded}"
    COMMAND "${CMAKE_COMMAND}" "-DSOURCE_DIR=${source}" "-DNAMESPACE=${namespace}" "-DFILES=${ARGN}"
            "-DOUTPUT=${embedded}" -P "${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake"
    DEPENDS "${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake" ${files}
    COMMENT "Embedding files of web/ into ${target}" VERBATIM)
  target_sources(${target} PRIVATE "${embedded}")
endfunction()
