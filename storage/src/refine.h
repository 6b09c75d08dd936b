/* storage/src/refine.h - what a goroutine really waited for: the trace's reason, read together
 * with the stack.  Go's trace folds about 45 wait reasons into 17; the stack gives most back. */
#ifndef PARKVIEW_STORAGE_REFINE_H
#define PARKVIEW_STORAGE_REFINE_H

#include "storage/src/dict.h"

enum family {
#define X(name, token, legend) FAMILY_##name,
#include "storage/src/families.def"
#undef X
    N_FAMILIES
};

/* family_token - the page's name of a family ("chan"); "sys" for what is none. */
const char *family_token(unsigned family);

struct refined {
    char name[96];      /* "sync.(*Mutex).Lock", "net read", "chan receive", ...; printable UTF-8;
                           equals the trace's reason (made printable) where the stack adds nothing;
                           "unknown" for the empty reason without a telling stack */
    enum family family;
    uint32_t user_func; /* string id of the first frame from the leaf that is the user's own,
                           0 = none (all of runtime and standard library, or no stack) */
};

/* refine_wait - reason: string id of the trace's reason; stack: stack id at the start of the wait
 * (0 = none).  Called once per distinct (reason, stack), not per wait. */
void refine_wait(const struct dict *d, uint32_t reason, uint32_t stack, struct refined *out);

/* What kind of goroutine a start function makes: the user's own, a GC worker, other runtime. */
enum go_kind { GO_KIND_USER, GO_KIND_GC, GO_KIND_RUNTIME };
enum go_kind refine_start_function(struct text name);

/* True for functions of the runtime and the standard library: "sync.(*Mutex).Lock", "net/http.…" */
int refine_is_library(struct text func);

#endif
