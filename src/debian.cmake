# SPDX-License-Identifier: BSD-3-Clause
# Moves the completion of zsh to where Debian's zsh looks for those of packages.  CPack runs this
# script before it packs the installed files.
if(CPACK_GENERATOR STREQUAL DEB)
  file(GLOB_RECURSE completion "${CPACK_TEMPORARY_DIRECTORY}/_shardnet")
  foreach(file ${completion})
    get_filename_component(folder "${file}" DIRECTORY)
    get_filename_component(parent "${folder}" DIRECTORY)
    file(RENAME "${folder}" "${parent}/vendor-completions")
  endforeach()
endif()
