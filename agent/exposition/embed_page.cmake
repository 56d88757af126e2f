# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a C++ file that holds the page of SOURCE_DIR (web/). Run as a script by the build:
#   cmake -DSOURCE_DIR=... -DOUTPUT=... -P embed_page.cmake
# Bytes are written one by one: a string literal has a length limit and would need escapes.
set(text "// Generated from web/ by embed_page.cmake.\n#include <string_view>\n\nnamespace loopstall::exposition {\n")
foreach(pair "kPageHtml=src/index.html" "kPageScript=dist/page.js" "kPageStyle=dist/page.css")
  string(REPLACE "=" ";" pair "${pair}")
  list(GET pair 0 name)
  list(GET pair 1 file)
  file(READ "${SOURCE_DIR}/${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND text "static constexpr char ${name}Bytes[] = {${bytes}'\\0'};\n"
    "extern const std::string_view ${name};\n"
    "const std::string_view ${name}(${name}Bytes, sizeof(${name}Bytes) - 1);\n")
endforeach()
string(APPEND text "}  // namespace loopstall::exposition\n")
file(WRITE "${OUTPUT}" "${text}")
