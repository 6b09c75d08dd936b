/* tracer/runtime/src/switch_x86_64.S - pv__switch for x86-64 (System V).
 * Saved, from the new top of the stack up: r15 r14 r13 r12 rbx rbp, where to go on.
 * It leaves by a jump: the return stack buffer of the CPU holds the callers of the stack that was left,
 * so a return would be predicted wrongly. */
#if defined(__x86_64__) && !defined(PARKVIEW_SWITCH_UCONTEXT)
    .text
    .globl pv__switch
    .hidden pv__switch
    .type pv__switch, @function
    .p2align 5
pv__switch:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmp *%rcx
    .cfi_endproc
    .size pv__switch, . - pv__switch

/* The first frame of a goroutine: nobody returns here, and whoever walks the stack ends here. */
    .globl pv__start
    .hidden pv__start
    .type pv__start, @function
    .p2align 4
pv__start:
    .cfi_startproc
    .cfi_undefined rip
    call *%rbx
    ud2
    .cfi_endproc
    .size pv__start, . - pv__start
#endif
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
