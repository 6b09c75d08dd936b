/* storage/src/refine.c - trace's reason + stack -> what the goroutine really waited for.
 *
 * How       1. the reason's line of refine.def says whether the stack may speak.
 *           2. plumbing frames at the leaf are skipped (gopark, semacquire, pollDesc.wait, ...).
 *           3. the first telling frame decides: sync and internal/poll by rule (below), everything
 *              else by the table.  Where nothing matches, the trace's own reason stays.
 * Rules     sync: the outermost call into sync that led here is what the program asked for
 *           (Mutex.Lock inside Once.Do is Once.Do).  internal/poll: the method says read, write,
 *           accept, connect; the caller says net or file.
 * Not here  which wait this was, how long, who ended it (slices.c).
 * Source    refine.def. */
#include "storage/src/refine.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- text ------------------------------------------------------------------------------------ */

static bool has_prefix(struct text t, const char *prefix) {
    size_t n = strlen(prefix);
    return t.n >= n && memcmp(t.data, prefix, n) == 0;
}

static bool has_suffix(struct text t, const char *suffix) {
    size_t n = strlen(suffix);
    return t.n >= n && memcmp(t.data + t.n - n, suffix, n) == 0;
}

static bool equals(struct text t, const char *s) {
    return t.n == strlen(s) && has_prefix(t, s);
}

/* "x*" matches every name that begins with x. */
static bool matches(struct text name, const char *pattern) {
    size_t n = strlen(pattern);
    if (n == 0 || pattern[n - 1] != '*') return equals(name, pattern);
    return name.n >= n - 1 && memcmp(name.data, pattern, n - 1) == 0;
}

/* Length of the valid, printable UTF-8 character at t[at], 0 = none. */
static size_t printable_length(struct text t, size_t at) {
    const unsigned char *s = (const unsigned char *)t.data + at;
    size_t left = t.n - at;
    if (s[0] < 0x80) return s[0] >= 0x20 && s[0] != 0x7f;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    unsigned second = s[1];
    if (s[0] == 0xc2 && second < 0xa0) return 0; /* C1 control characters */
    if ((s[0] == 0xe0 && second < 0xa0) || (s[0] == 0xed && second > 0x9f)) return 0;
    if ((s[0] == 0xf0 && second < 0x90) || (s[0] == 0xf4 && second > 0x8f)) return 0;
    return n;
}

/* Names come from hostile files: what is not printable UTF-8 becomes U+FFFD, what does not fit is
 * cut between characters. */
static void set_name(struct refined *out, struct text t) {
    static const char replacement[] = "\xef\xbf\xbd";
    size_t used = 0;
    for (size_t at = 0; at < t.n;) {
        size_t n = printable_length(t, at);
        const char *from = n ? t.data + at : replacement;
        size_t add = n ? n : 3;
        if (used + add >= sizeof out->name) break;
        memcpy(out->name + used, from, add);
        used += add;
        at += n ? n : 1;
    }
    out->name[used] = 0;
}

static void set(struct refined *out, const char *name, enum family family) {
    set_name(out, (struct text){name, strlen(name)});
    out->family = family;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const struct reason_rule {
    const char *reason;
    bool stack;
    const char *name;
    enum family family;
} reasons[] = {
#define REASON(reason, stack, name, family) {reason, stack, name, FAMILY_##family},
#include "storage/src/refine.def"
};

static const char *const plumbing[] = {
#define PLUMBING(function) function,
#include "storage/src/refine.def"
};

static const struct frame_rule {
    const char *function, *caller, *name;
    enum family family;
} frames[] = {
#define FRAME(function, caller, name, family) {function, caller, name, FAMILY_##family},
#include "storage/src/refine.def"
};

static const struct frame_rule forever[] = {
#define FOREVER(function, name, family) {function, "", name, FAMILY_##family},
#include "storage/src/refine.def"
};

static const struct {
    const char *function;
    enum go_kind kind;
} starts[] = {
#define START(function, kind) {function, GO_KIND_##kind},
#include "storage/src/refine.def"
};

static const char *const standard[] = {
#define STANDARD(element) element,
#include "storage/src/refine.def"
};

#define N(table) (sizeof(table) / sizeof(table)[0])

/* ---- library or the user's own --------------------------------------------------------------- */

/* The import path of a function's package: "net/http" of "net/http.(*conn).serve"; empty for C.
 * Type arguments and receivers may hold any characters, so they are cut off first. */
static struct text package_of(struct text func) {
    size_t end = 0;
    while (end < func.n && func.data[end] != '[' && func.data[end] != '(') end++;
    size_t at = end;
    while (at > 0 && func.data[at - 1] != '/') at--;
    while (at < end && func.data[at] != '.') at++;
    return (struct text){func.data, at < end ? at : 0};
}

int refine_is_library(struct text func) {
    struct text path = package_of(func);
    if (path.n == 0) return 1; /* C, or no name: nobody's Go code */
    /* The tests of a standard package and the code of a plugin are somebody's own. */
    if (has_suffix(path, "_test") || has_prefix(path, "plugin/unnamed-")) return 0;
    struct text first = path;
    for (size_t i = 0; i < path.n; i++)
        if (path.data[i] == '/') {
            first.n = i;
            break;
        }
    for (size_t i = 0; i < N(standard); i++)
        if (equals(first, standard[i])) return 1;
    return 0;
}

enum go_kind refine_start_function(struct text name) {
    for (size_t i = 0; i < N(starts); i++)
        if (matches(name, starts[i].function)) return starts[i].kind;
    return GO_KIND_USER;
}

/* ---- the stack's word ------------------------------------------------------------------------ */

struct walk { /* frames that are left, leaf first */
    const struct dict *d;
    const struct frame *frame;
    uint32_t n;
};

static struct text name_at(const struct walk *w, uint32_t i) {
    return i < w->n ? dict_string(w->d, w->frame[i].func) : (struct text){"", 0};
}

static bool is_plumbing(struct text name) {
    for (size_t i = 0; i < N(plumbing); i++)
        if (matches(name, plumbing[i])) return true;
    return false;
}

static bool in_sync(struct text name) {
    return has_prefix(name, "sync.") || has_prefix(name, "internal/sync.");
}

/* The outermost of the calls into sync that stand together at the leaf.  A Cond that takes its
 * lock again after it was woken waits for that lock, not for the Cond. */
static void refine_sync(const struct walk *w, struct refined *out) {
    uint32_t last = 0;
    for (uint32_t i = 1; i < w->n && in_sync(name_at(w, i)); i++) {
        if (equals(name_at(w, i), "sync.(*Cond).Wait")) break;
        last = i;
    }
    struct text name = name_at(w, last);
    out->family = FAMILY_SYNC;
    if (equals(name, "sync.(*rlocker).Lock"))
        set(out, "sync.(*RWMutex).RLock", FAMILY_SYNC);
    else if (has_prefix(name, "internal/sync.(*Mutex)") || has_prefix(name, "sync.(*Mutex).lock"))
        set(out, "sync.(*Mutex).Lock", FAMILY_SYNC);
    else if (has_prefix(name, "sync.(*Once).") || has_prefix(name, "sync.Once"))
        set(out, "sync.(*Once).Do", FAMILY_SYNC);
    else
        set_name(out, name);
}

/* What internal/poll does: "read", "write", "accept", "connect", "close", "splice". */
static const char *poll_operation(struct text leaf, struct text method, struct text caller) {
    if (matches(caller, "net.(*netFD).connect*")) return "connect";
    if (has_prefix(method, "Accept")) return "accept";
    if (has_prefix(method, "Read") || has_prefix(method, "Pread") || has_prefix(method, "RawRead"))
        return "read";
    if (has_prefix(method, "Write") || has_prefix(method, "Wait") || has_prefix(method, "Pwrite") ||
        has_prefix(method, "RawWrite"))
        return "write";
    if (has_prefix(method, "Close")) return "close";
    if (has_prefix(leaf, "internal/poll.SendFile") || has_prefix(leaf, "internal/poll.sendFile"))
        return "write";
    return has_prefix(leaf, "internal/poll.Splice") || has_prefix(leaf, "internal/poll.splice")
               ? "splice"
               : "wait";
}

/* Who holds the descriptor: the first frame outside internal/poll. */
static void refine_poll(const struct walk *w, struct refined *out) {
    static const char method_of[] = "internal/poll.(*FD).";
    uint32_t i = 0;
    bool lock = has_prefix(name_at(w, 0), "internal/poll.(*fdMutex)");
    struct text method = {"", 0};
    for (; i < w->n && has_prefix(name_at(w, i), "internal/poll."); i++)
        if (has_prefix(name_at(w, i), method_of)) method = name_at(w, i);
    struct text caller = name_at(w, i);
    if (method.n) {
        method.data += sizeof method_of - 1;
        method.n -= sizeof method_of - 1;
    }
    const char *operation = poll_operation(name_at(w, 0), method, caller);
    bool file = has_prefix(caller, "os.");
    char name[sizeof out->name];
    snprintf(name, sizeof name, "%s %s%s", file ? "file" : "net", operation, lock ? " lock" : "");
    set(out, name, lock ? FAMILY_SYNC : file ? FAMILY_SYS : FAMILY_NET);
}

static bool refine_frame(const struct walk *w, const struct frame_rule *rules, size_t n_rules,
                         struct refined *out) {
    struct text leaf = name_at(w, 0), caller = name_at(w, 1);
    for (size_t i = 0; i < n_rules; i++)
        if (matches(leaf, rules[i].function) &&
            (!rules[i].caller[0] || matches(caller, rules[i].caller))) {
            set(out, rules[i].name, rules[i].family);
            return true;
        }
    return false;
}

/* Leaves *out as it is where the stack says nothing. */
static void refine_by_stack(struct walk w, bool for_ever, struct refined *out) {
    while (w.n && is_plumbing(name_at(&w, 0))) {
        w.frame++;
        w.n--;
    }
    if (w.n == 0) return;
    struct text leaf = name_at(&w, 0);
    if (for_ever) {
        if (refine_frame(&w, forever, N(forever), out)) return;
    } else if (in_sync(leaf)) {
        refine_sync(&w, out);
    } else if (has_prefix(leaf, "internal/poll.")) {
        refine_poll(&w, out);
    } else {
        refine_frame(&w, frames, N(frames), out);
    }
}

/* Of a program in C, whose functions have no package: the first that is not the recorder's or the
 * runtime's.  0 where any frame has one: C called from Go is nobody's own. */
static uint32_t c_user_function(const struct dict *d, const struct stack *s) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        struct text name = dict_string(d, s->frames[i].func);
        if (package_of(name).n) return 0;
        if (!found && name.n && !has_prefix(name, "pv_")) found = s->frames[i].func;
    }
    return found;
}

void refine_wait(const struct dict *d, uint32_t reason, uint32_t stack, struct refined *out) {
    struct text said = dict_string(d, reason);
    struct stack s = dict_stack(d, stack);
    const struct reason_rule *rule = NULL;
    for (size_t i = 0; i < N(reasons) && !rule; i++)
        if (equals(said, reasons[i].reason)) rule = &reasons[i];

    memset(out, 0, sizeof *out);
    if (rule) {
        set(out, rule->name, rule->family);
    } else {
        set_name(out, said); /* newer than this table, or damaged */
        out->family = FAMILY_SYS;
    }
    if (!rule || rule->stack)
        refine_by_stack((struct walk){d, s.frames, s.n}, equals(said, "forever"), out);
    for (uint32_t i = 0; i < s.n && !out->user_func; i++) {
        struct text name = dict_string(d, s.frames[i].func);
        if (name.n && !refine_is_library(name)) out->user_func = s.frames[i].func;
    }
    if (!out->user_func) out->user_func = c_user_function(d, &s);
}

const char *family_token(unsigned family) {
    static const char *const tokens[] = {
#define X(name, token, legend) token,
#include "storage/src/families.def"
#undef X
    };
    return family < N_FAMILIES ? tokens[family] : "sys";
}
