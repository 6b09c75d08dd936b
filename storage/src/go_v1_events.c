/* storage/src/go_v1_events.c - what the reader knows of each event of Go 1.11 to 1.21.
 *
 * Made from go_v1_events.def.
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go, order.go */
#include "storage/src/go_v1_events.h"

#define MASK(yes) ((yes) ? UINT64_MAX : 0)
#define WHO(is_runs, is_named)                                                                     \
    { MASK(is_runs), MASK(is_named) }

#define STARTS(order) ((order) == V1_START || (order) == V1_START_LOCAL)
#define LEAVES(code, order)                                                                        \
    ((order) == V1_BLOCK || (order) == V1_YIELD || (code) == V1_GO_END || (code) == V1_GO_STOP)
/* args[0] is a goroutine, and it waits for that one; */
#define NAMES(order)                                                                               \
    (STARTS(order) || (order) == V1_CREATE || (order) == V1_WAITING || (order) == V1_UNBLOCK ||    \
     (order) == V1_UNBLOCK_LOCAL)
/* it belongs to that one (not so a GO_SYS_EXIT_LOCAL, in Go's parser). */
#define IS_OF_NAMED(code, order)                                                                   \
    (STARTS(order) || (order) == V1_WAITING || (code) == V1_GO_SYS_EXIT)
/* What is an event of the merge, has a few numbers, and has nothing but those. */
#define N_CUT(code, n)                                                                             \
    ((code) == V1_BATCH || (code) == V1_FREQUENCY || (code) == V1_TIMER_GOROUTINE ||               \
             (code) == V1_GC_START || (code) == V1_LOG || (n) > V1_N_CUT                           \
         ? 0                                                                                       \
         : (n))
#define DIGITS(n, i) ((i) < (n) ? 0x7f7f7f7f : 0)
/* The type without "...Local". */
#define PLAIN_TYPE(code)                                                                           \
    ((code) == V1_GO_START_LOCAL      ? V1_GO_START                                                \
     : (code) == V1_GO_UNBLOCK_LOCAL  ? V1_GO_UNBLOCK                                              \
     : (code) == V1_GO_SYS_EXIT_LOCAL ? V1_GO_SYS_EXIT                                             \
                                      : (code))

const struct v1_spec v1_specs[64] = {
#define X(code, ident, title, from, n, has_stack, args, by)                                        \
    [code] = {.name = title,                                                                       \
              .since = from,                                                                       \
              .n_args = n,                                                                         \
              .stack = has_stack,                                                                  \
              .owner = WHO(!IS_OF_NAMED(code, V1_##by), IS_OF_NAMED(code, V1_##by)),               \
              .next = WHO(!STARTS(V1_##by) && !LEAVES(code, V1_##by), STARTS(V1_##by)),            \
              .waits = WHO(V1_##by == V1_BLOCK || V1_##by == V1_YIELD, NAMES(V1_##by)),            \
              .else_waits = V1_##by == V1_FREE ? V1_SLOT_FREE                                      \
                            : V1_##by == V1_GC ? V1_SLOT_GC                                        \
                                               : 0,                                                \
              .n_cut = N_CUT(code, n),                                                             \
              .i_stack = N_CUT(code, n) && (has_stack) ? (n)-1 : V1_N_CUT,                         \
              .digits = {DIGITS(n, 0), DIGITS(n, 1), DIGITS(n, 2), DIGITS(n, 3)},                  \
              .kind = {{.type = PLAIN_TYPE(code), .order = V1_##by}}},
#include "storage/src/go_v1_events.def"
#undef X
};
