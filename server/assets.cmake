# server/assets.cmake - the page's files as an assembler file with .incbin, and their list.
# Run at build time:  cmake -DDIST=frontend/dist -DOUT=build/assets -P server/assets.cmake
file(GLOB_RECURSE files RELATIVE ${DIST} ${DIST}/*)
set(assembler "    .section .rodata\n")
set(list "/* made by server/assets.cmake: X(number, path) */\n")
set(number 0)
foreach(file ${files})
    if(file MATCHES "\\.map$" OR file MATCHES "[\"\\\\]")
        continue()
    endif()
    string(APPEND assembler "    .balign 16\n    .globl asset_${number}, asset_end_${number}\n"
        "asset_${number}:\n    .incbin \"${DIST}/${file}\"\nasset_end_${number}:\n    .byte 0\n")
    string(APPEND list "X(${number}, \"/${file}\")\n")
    math(EXPR number "${number} + 1")
endforeach()
string(APPEND assembler "    .section .note.GNU-stack,\"\",%progbits\n")
file(WRITE ${OUT}/assets.S "${assembler}")
file(WRITE ${OUT}/assets.def "${list}")
