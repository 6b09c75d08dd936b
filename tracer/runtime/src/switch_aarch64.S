/* tracer/runtime/src/switch_aarch64.S - pv__switch for AArch64 (AAPCS64).
 * Saved, from the new top of the stack up: x19-x28, x29 (frame), x30 (where to go on), d8-d15. */
#if defined(__aarch64__) && !defined(PARKVIEW_SWITCH_UCONTEXT)
    .text
    .globl pv__switch
    .hidden pv__switch
    .type pv__switch, %function
    .p2align 5
pv__switch:
    .cfi_startproc
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    mov x9, x30
    br x9
    .cfi_endproc
    .size pv__switch, . - pv__switch

/* The first frame of a goroutine: nobody returns here, and whoever walks the stack ends here. */
    .globl pv__start
    .hidden pv__start
    .type pv__start, %function
    .p2align 4
pv__start:
    .cfi_startproc
    .cfi_undefined x30
    mov x29, #0
    mov x30, #0
    blr x19
    brk #1
    .cfi_endproc
    .size pv__start, . - pv__start
#endif
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
