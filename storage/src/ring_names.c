/* storage/src/ring_names.c - a ring file's strings, frames and stacks -> the dictionary, each when
 * it is first asked for. */
#include "storage/src/ring_impl.h"

#include <stdio.h>

/* The bytes of an entry, NULL where there is none. */
static const uint8_t *entry(const struct ring_table *t, uint64_t id, size_t *n) {
    if (id == 0 || id >= t->n || !t->index[id]) return NULL;
    uint64_t at = (t->index[id] >> 16 & UINT32_MAX) * 8;
    *n = t->index[id] & 0xffff;
    return *n <= t->n_bytes && at <= t->n_bytes - *n ? t->bytes + at : NULL;
}

bool ring_frame(const struct ring_file *file, uint64_t id, struct pv_ring_frame *out) {
    size_t n = 0;
    const uint8_t *bytes = entry(&file->frames, id, &n);
    if (!bytes || n != sizeof *out) return false;
    memcpy(out, bytes, sizeof *out);
    return true;
}

bool ring_text(const struct ring_file *file, uint64_t id, char out[PV_MAX_TEXT + 1]) {
    size_t n = 0;
    const uint8_t *bytes = entry(&file->strings, id, &n);
    if (!bytes || n > PV_MAX_TEXT || memchr(bytes, 0, n)) return false;
    memcpy(out, bytes, n);
    out[n] = 0;
    return true;
}

int ring_names_load(struct ring_file *file) {
    struct ring_table *tables[] = {&file->strings, &file->frames, &file->stacks};
    for (int i = 0; i < 3; i++) {
        tables[i]->ids = calloc(tables[i]->n + 1, sizeof(uint32_t));
        if (!tables[i]->ids) return PV_ENOMEM;
    }
    for (uint32_t id = 1; id < file->frames.n; id++) {
        struct pv_ring_frame frame;
        if (!ring_frame(file, id, &frame)) continue;
        if (!idmap_get(&file->frame_of_pc, frame.pc))
            TRY(idmap_put(&file->frame_of_pc, frame.pc, id));
    }
    return 0;
}

uint32_t ring_string(struct ring_file *file, struct dict *d, uint64_t id) {
    size_t n = 0;
    const uint8_t *bytes = entry(&file->strings, id, &n);
    if (!bytes) return id ? dict_add_string(d, "(lost)", 6) : 0;
    uint32_t *known = &file->strings.ids[id];
    if (!*known) *known = dict_add_string(d, (const char *)bytes, n) + 1;
    return *known - 1;
}

static struct frame frame_at(struct ring_file *file, struct dict *d, uint64_t pc) {
    struct pv_ring_frame raw = {.pc = pc};
    const char *path;
    uint32_t line;
    ring_frame(file, idmap_get(&file->frame_of_pc, pc), &raw);
    struct frame frame = {.pc = pc, .line = raw.line};
    if (raw.line == 0 && ring_line(file, &raw, &path, &line)) {
        frame.file = dict_add_string(d, path, strlen(path));
        frame.line = line;
    } else {
        frame.file = ring_string(file, d, raw.file);
    }
    frame.func = ring_string(file, d, raw.func);
    if (raw.func) return frame;
    char text[32];
    int length = snprintf(text, sizeof text, "0x%llx", (unsigned long long)pc);
    frame.func = dict_add_string(d, text, (size_t)length);
    return frame;
}

uint32_t ring_stack(struct ring_file *file, struct dict *d, uint64_t id) {
    size_t n = 0;
    const uint8_t *bytes = entry(&file->stacks, id, &n);
    if (!bytes) return 0;
    uint32_t *known = &file->stacks.ids[id];
    if (*known) return *known - 1;
    struct frame frames[PV_MAX_FRAMES];
    uint32_t n_frames = (uint32_t)(n / sizeof(uint64_t));
    if (n_frames > PV_MAX_FRAMES) n_frames = PV_MAX_FRAMES;
    for (uint32_t i = 0; i < n_frames; i++) {
        uint64_t pc;
        memcpy(&pc, bytes + i * sizeof pc, sizeof pc);
        frames[i] = frame_at(file, d, pc);
    }
    *known = dict_add_stack(d, frames, n_frames) + 1;
    return *known - 1;
}
