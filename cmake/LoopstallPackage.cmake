# SPDX-License-Identifier: Apache-2.0
# What is installed, and the Debian package of it: `scripts/package`.
include(GNUInstallDirs)

set(LOOPSTALL_PACKAGING "${PROJECT_SOURCE_DIR}/packaging")
install(TARGETS loopstall RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(FILES "${LOOPSTALL_PACKAGING}/loopstall.service" DESTINATION /lib/systemd/system)
install(FILES "${LOOPSTALL_PACKAGING}/loopstall.yaml" DESTINATION /etc/loopstall)
install(FILES "${LOOPSTALL_PACKAGING}/debian/lintian-overrides"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/lintian/overrides" RENAME loopstall)
install(FILES "${LOOPSTALL_PACKAGING}/debian/copyright" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/loopstall")

# install_compressed(SOURCE FOLDER NAME): as policy wants manual pages and changelogs, without a time stamp.
function(install_compressed source folder name)
  set(packed "${PROJECT_BINARY_DIR}/packaging/${name}.gz")
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/packaging")
  add_custom_command(OUTPUT "${packed}" DEPENDS "${source}"
    COMMAND gzip --best --no-name --stdout "${source}" > "${packed}" VERBATIM)
  string(MAKE_C_IDENTIFIER "packed_${name}" target)
  add_custom_target(${target} ALL DEPENDS "${packed}")
  install(FILES "${packed}" DESTINATION "${folder}")
endfunction()

install_compressed("${LOOPSTALL_PACKAGING}/loopstall.1" "${CMAKE_INSTALL_DATADIR}/man/man1" loopstall.1)
install_compressed("${LOOPSTALL_PACKAGING}/debian/changelog" "${CMAKE_INSTALL_DATADIR}/doc/loopstall"
  changelog.Debian)
install_compressed("${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${CMAKE_INSTALL_DATADIR}/doc/loopstall" changelog)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME loopstall)
set(CPACK_PACKAGE_VENDOR "The loopstall authors")
set(CPACK_PACKAGE_CONTACT "The loopstall authors <maintainers@loopstall.dev>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${LOOPSTALL_PACKAGING}/debian/postinst" "${LOOPSTALL_PACKAGING}/debian/prerm"
  "${LOOPSTALL_PACKAGING}/debian/postrm" "${LOOPSTALL_PACKAGING}/debian/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "finds what blocks the event loops of services
An agent that finds the event loops (asyncio, uvloop, trio) on a machine,
measures each of their turns from outside with eBPF, and says which
function held them, for how long, and waiting for what. It serves metrics
for Prometheus and a page of its own; commands show the same live, record
flame graphs, and judge a service in continuous integration.")
include(CPack)
