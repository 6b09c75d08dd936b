/* tracer/src/names.h - strings, frames and stacks: each once, in memory and in the recording's
 * file. Private to the recorder. */
#ifndef PARKVIEW_TRACER_NAMES_H
#define PARKVIEW_TRACER_NAMES_H

#include "tracer/src/recorder.h"

int pv__names_init(void);
uint32_t pv__names_capacity(enum names_kind kind);
uint64_t pv__names_bytes(enum names_kind kind);
/* pv__names_bind - what is known goes into the recording's file, and what comes later too. */
void pv__names_bind(struct session *s);
void pv__names_unbind(void);

/* pv__symbols_load - reads the symbol tables of the program and its libraries, once. */
void pv__symbols_load(void);
/* pv__symbol - the function at pc and the program or library it is in; NULL = not known. */
const char *pv__symbol(uintptr_t pc, const char **module);

#endif
