# SPDX-License-Identifier: BSD-3-Clause
# What `cmake --install` puts where, how other projects find it, and packages.

install(TARGETS shardnet_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS shardnet_shared EXPORT shardnetTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS shardnet EXPORT shardnetStaticTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/shardnet"
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

if(NOT CMAKE_CROSSCOMPILING)
  install(FILES "${SHARDNET_MAN_PAGE}" DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES "${SHARDNET_BASH_COMPLETION}"
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES "${SHARDNET_ZSH_COMPLETION}"
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()

# find_package(shardnet) gives the targets shardnet::shardnet, which is shared, and
# shardnet::static.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/shardnet)
install(EXPORT shardnetTargets NAMESPACE shardnet:: DESTINATION ${package_dir})
install(EXPORT shardnetStaticTargets NAMESPACE shardnet:: DESTINATION ${package_dir})
configure_package_config_file(shardnetConfig.cmake.in shardnetConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(shardnetConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/shardnetConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/shardnetConfigVersion.cmake
        DESTINATION ${package_dir})

# pkg-config: the prefix is found from the place of shardnet.pc, since `cmake --install
# --prefix` may choose it.  What has no .pc file everywhere is listed by its path.
file(RELATIVE_PATH prefix_from_pc "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
set(pc_libraries ${MPI_C_LIBRARIES} ${libraries} ${OpenMP_C_LIBRARIES}
                 ${CMAKE_THREAD_LIBS_INIT})
list(FILTER pc_libraries EXCLUDE REGEX "lib(dl|m|pthread)\\.(so|a)$")
list(REMOVE_DUPLICATES pc_libraries)
list(JOIN pc_libraries " " pc_libraries)
configure_file(shardnet.pc.in shardnet.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/shardnet.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# setup.sh and quickstart.sh build the source tree and stay there.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/configs" DESTINATION ${CMAKE_INSTALL_DATADIR}/shardnet)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/jobs" DESTINATION ${CMAKE_INSTALL_DATADIR}/shardnet
        USE_SOURCE_PERMISSIONS
        PATTERN setup.sh EXCLUDE PATTERN quickstart.sh EXCLUDE)
foreach(document README.md LICENSE CHANGELOG.md)
  install(FILES "${PROJECT_SOURCE_DIR}/${document}" DESTINATION ${CMAKE_INSTALL_DOCDIR})
endforeach()

if(NOT TARGET uninstall)
  add_custom_target(uninstall
    COMMAND ${CMAKE_COMMAND} -D MANIFEST=${CMAKE_BINARY_DIR}/install_manifest.txt
            -P ${CMAKE_CURRENT_SOURCE_DIR}/uninstall.cmake)
endif()

# `cpack -G DEB` in the build folder.
set(CPACK_PACKAGE_NAME shardnet)
set(CPACK_PACKAGE_VENDOR "The shardnet authors")
set(CPACK_PACKAGE_CONTACT "The shardnet authors <shardnet@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
"shardnet trains multilayer perceptrons on MNIST-like data with one MPI rank per
shard of every minibatch. Checkpoints and metrics are HDF5 files; a run can be
killed at any moment and resumed on any number of ranks. The package has the
program, the C library with its headers, configurations and job scripts.")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# These packages hold what the program starts, or loads by its name.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "openmpi-bin, libopenblas0")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/debian.cmake)
include(CPack)
