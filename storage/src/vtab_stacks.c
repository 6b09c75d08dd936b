/* storage/src/vtab_stacks.c - the tables stacks and frames: the dictionary of stacks. */
#include <stdlib.h>
#include <string.h>

#include "storage/src/vtab.h"

struct cursor {
    sqlite3_vtab_cursor base;
    int64_t id, last; /* stacks id ... last */
    struct stack stack;
    uint32_t depth; /* frames: which */
    uint32_t n_seen;
};

static bool is_frames(const struct vtab *t) {
    return t->table == SQL_FRAMES;
}

/* The stack's number is column 0 of both. */
static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    (void)base;
    info->estimatedCost = 100000;
    info->estimatedRows = 100000;
    for (int i = 0; i < info->nConstraint; i++) {
        if (!info->aConstraint[i].usable || info->aConstraint[i].iColumn != SQLCOL_FRAMES_STACK ||
            info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        info->aConstraintUsage[i].argvIndex = 1;
        info->idxNum = 1;
        info->estimatedCost = 10;
        info->estimatedRows = 10;
        break;
    }
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out) {
    (void)t;
    return vtab__cursor_new(sizeof(struct cursor), out);
}

static int cursor_close(sqlite3_vtab_cursor *base) {
    sqlite3_free(base);
    return SQLITE_OK;
}

/* settle - on stack c->id, or the next one that has frames. */
static int settle(struct cursor *c) {
    struct query *q = ((struct vtab *)c->base.pVtab)->q;
    for (c->depth = 0; c->id <= c->last; c->id++) {
        c->stack = store_stack(q->store, (uint32_t)c->id);
        if (++c->n_seen % 4096 == 0) {
            int rc = query__check(q);
            if (rc != SQLITE_OK) return rc;
        }
        if (c->stack.n) break;
    }
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int one, const char *text, int argc,
                         sqlite3_value **argv) {
    (void)text, (void)argc;
    struct cursor *c = (struct cursor *)base;
    int64_t n = store__n_stacks(((struct vtab *)base->pVtab)->q->store), min, max;
    c->id = 1;
    c->last = n - 1;
    if (one && number_bounds('=', argv[0], &min, &max)) {
        c->id = min > 1 ? min : 1;
        c->last = max < n - 1 ? max : n - 1;
    } else if (one && sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        c->last = 0;
    }
    return settle(c);
}

static int cursor_next(sqlite3_vtab_cursor *base) {
    struct cursor *c = (struct cursor *)base;
    if (is_frames((struct vtab *)base->pVtab) && ++c->depth < c->stack.n) return SQLITE_OK;
    c->id++;
    return settle(c);
}

static int cursor_eof(sqlite3_vtab_cursor *base) {
    const struct cursor *c = (const struct cursor *)base;
    return c->id > c->last;
}

static void stack_column(struct query *q, const struct cursor *c, sqlite3_context *out, int i) {
    switch (i) {
    case SQLCOL_STACKS_ID:
        sqlite3_result_int64(out, c->id);
        break;
    case SQLCOL_STACKS_DEPTH:
        sqlite3_result_int64(out, c->stack.n);
        break;
    case SQLCOL_STACKS_LEAF:
        result_stored(out, q->store, TYPE_FUNC, c->stack.frames[0].func);
        break;
    case SQLCOL_STACKS_ROOT:
        result_stored(out, q->store, TYPE_FUNC, c->stack.frames[c->stack.n - 1].func);
        break;
    default:
        result_stack(out, q->store, c->id, UINT32_MAX);
        break;
    }
}

static void frame_column(struct query *q, const struct cursor *c, sqlite3_context *out, int i) {
    const struct frame *f = &c->stack.frames[c->depth];
    switch (i) {
    case SQLCOL_FRAMES_STACK:
        sqlite3_result_int64(out, c->id);
        break;
    case SQLCOL_FRAMES_DEPTH:
        sqlite3_result_int64(out, c->depth);
        break;
    case SQLCOL_FRAMES_FUNC:
        result_stored(out, q->store, TYPE_FUNC, f->func);
        break;
    case SQLCOL_FRAMES_FILE:
        result_stored(out, q->store, TYPE_STR, f->file);
        break;
    case SQLCOL_FRAMES_LINE:
        sqlite3_result_int64(out, (int64_t)f->line);
        break;
    default:
        sqlite3_result_int(out, refine_is_library(store_string(q->store, f->func)) != 0);
        break;
    }
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int i) {
    const struct cursor *c = (const struct cursor *)base;
    struct vtab *t = (struct vtab *)base->pVtab;
    if (is_frames(t))
        frame_column(t->q, c, out, i);
    else
        stack_column(t->q, c, out, i);
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id) {
    const struct cursor *c = (const struct cursor *)base;
    *id = c->id << 20 | c->depth;
    return SQLITE_OK;
}

static const sqlite3_module stacks_module = VTAB_MODULE;

int vtab_stacks_register(struct query *q) {
    int rc = vtab__register(q, SQL_STACKS, &stacks_module);
    return rc == SQLITE_OK ? vtab__register(q, SQL_FRAMES, &stacks_module) : rc;
}
