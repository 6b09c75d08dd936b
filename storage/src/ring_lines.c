/* storage/src/ring_lines.c - file and line of a ring's frames, from the DWARF of the programs and
 * libraries that it names, where these are on this machine and still the same.
 *
 * A ring has a function's name and an address in a process that is gone.  Where the program was
 * mapped follows from its symbol table: each address has to lie in the function that the ring names
 * for it, and one distance, a number of whole pages, has to fit all of them.  If none does, the
 * program is another one by now, and its frames have no lines.
 * Only what a file itself carries is read: no debug information is looked for elsewhere, on the
 * disk or in the network.
 * Source      libdw and libelf (elfutils) read the files. */
#include "storage/src/ring_impl.h"

#ifdef PARKVIEW_DW

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The last two bound what a ring from a stranger can ask for. */
enum { PAGE = 4096, MAX_DISTANCES = 64, MAX_MODULES = 32 };

struct symbol {
    const char *name; /* libelf's */
    uint64_t at, size;
};

struct symbols {
    struct symbol *list; /* by name */
    size_t n;
};

struct module {
    uint32_t name; /* string of the ring */
    int fd;
    Elf *elf;
    Dwarf *dwarf; /* NULL: nothing is known of it */
    uint64_t distance;
};

struct ring_lines {
    struct module *modules;
    uint32_t n;
};

/* ---- symbols ---- */

static int by_name(const void *a, const void *b) {
    const struct symbol *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void add_symbols(struct symbols *s, Elf *elf, Elf_Scn *section, const GElf_Shdr *header) {
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || header->sh_entsize == 0) return;
    size_t n = data->d_size / header->sh_entsize;
    struct symbol *list = calloc(n + 1, sizeof *list);
    if (!list) return;
    for (size_t i = 0; i < n && i < INT32_MAX; i++) {
        GElf_Sym sym;
        if (!gelf_getsym(data, (int)i, &sym) || GELF_ST_TYPE(sym.st_info) != STT_FUNC) continue;
        const char *name = elf_strptr(elf, header->sh_link, sym.st_name);
        if (name && sym.st_size) list[s->n++] = (struct symbol){name, sym.st_value, sym.st_size};
    }
    s->list = list;
    qsort(list, s->n, sizeof *list, by_name);
}

static struct symbols read_symbols(Elf *elf) {
    struct symbols s = {0};
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)) && !s.list;)
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
            add_symbols(&s, elf, section, &header);
    return s;
}

/* The first of that name; more may follow: static functions of several files. */
static const struct symbol *first_named(const struct symbols *s, const char *name) {
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(s->list[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n && strcmp(s->list[lo].name, name) == 0 ? &s->list[lo] : NULL;
}

static const struct symbol *next_named(const struct symbols *s, const struct symbol *symbol) {
    bool more = symbol + 1 < s->list + s->n && strcmp(symbol[1].name, symbol->name) == 0;
    return more ? symbol + 1 : NULL;
}

/* ---- where it was mapped ---- */

struct fitting {
    struct ring_file *file;
    struct symbols symbols;
    uint32_t module;
};

/* Whether the i-th frame is one of the module, with a function: its name and address. */
static bool named_frame(const struct fitting *f, uint32_t i, char name[PV_MAX_TEXT + 1],
                        uint64_t *pc) {
    struct pv_ring_frame frame;
    if (!ring_frame(f->file, i, &frame) || frame.file != f->module || frame.line) return false;
    *pc = frame.pc - 1;
    return ring_text(f->file, frame.func, name);
}

/* Whether every frame lies in the function that it names; those of none (assembler without a
 * size) do not tell. */
static bool fits(const struct fitting *f, uint64_t distance) {
    char name[PV_MAX_TEXT + 1];
    uint64_t pc;
    for (uint32_t i = 1; i < f->file->frames.n; i++) {
        if (!named_frame(f, i, name, &pc)) continue;
        const struct symbol *s = first_named(&f->symbols, name);
        if (!s) continue;
        while (s && pc - distance - s->at >= s->size) s = next_named(&f->symbols, s);
        if (!s) return false;
    }
    return true;
}

/* From the first frame whose function is known. */
static bool find_distance(const struct fitting *f, uint64_t *distance) {
    char name[PV_MAX_TEXT + 1];
    uint64_t pc, n = 0;
    const struct symbol *s = NULL;
    for (uint32_t i = 1; i < f->file->frames.n && !s; i++)
        if (named_frame(f, i, name, &pc)) s = first_named(&f->symbols, name);
    for (; s; s = next_named(&f->symbols, s)) {
        uint64_t first = (pc - s->at - s->size + PAGE) & ~(uint64_t)(PAGE - 1);
        for (uint64_t at = first; pc - s->at - at < s->size && n++ < MAX_DISTANCES; at += PAGE)
            if (fits(f, at)) {
                *distance = at;
                return true;
            }
    }
    return false;
}

static void open_module(struct ring_file *file, struct module *m) {
    char path[PV_MAX_TEXT + 1];
    struct stat st;
    if (!ring_text(file, m->name, path) || path[0] != '/') return;
    m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (m->fd < 0 || fstat(m->fd, &st) < 0 || !S_ISREG(st.st_mode)) return;
    elf_version(EV_CURRENT);
    m->elf = elf_begin(m->fd, ELF_C_READ, NULL); /* not mapped: it may be cut while it is read */
    if (!m->elf) return;
    struct fitting f = {file, read_symbols(m->elf), m->name};
    if (find_distance(&f, &m->distance)) m->dwarf = dwarf_begin_elf(m->elf, DWARF_C_READ, NULL);
    free(f.symbols.list);
}

static struct module *module_of(struct ring_file *file, uint32_t name) {
    struct ring_lines *lines = file->lines;
    if (!lines) lines = file->lines = calloc(1, sizeof *lines);
    if (!lines) return NULL;
    for (uint32_t i = 0; i < lines->n; i++)
        if (lines->modules[i].name == name) return &lines->modules[i];
    if (lines->n == MAX_MODULES) return NULL;
    struct module *more = reallocarray(lines->modules, lines->n + 1, sizeof *more);
    if (!more) return NULL;
    lines->modules = more;
    struct module *m = &more[lines->n++];
    *m = (struct module){.name = name, .fd = -1};
    open_module(file, m);
    return m;
}

/* ---- lines ---- */

static bool unit_at(Dwarf *dwarf, uint64_t at, Dwarf_Die *unit) {
    if (dwarf_addrdie(dwarf, at, unit)) return true;
    for (Dwarf_CU *cu = NULL; dwarf_get_units(dwarf, cu, &cu, NULL, NULL, unit, NULL) == 0;)
        if (dwarf_haspc(unit, at) == 1) return true; /* clang writes no table of addresses */
    return false;
}

bool ring_line(struct ring_file *file, const struct pv_ring_frame *frame, const char **path,
               uint32_t *line) {
    struct module *m = frame->file ? module_of(file, frame->file) : NULL;
    Dwarf_Die unit;
    int n = 0;
    if (!m || !m->dwarf) return false;
    uint64_t at = frame->pc - 1 - m->distance;
    Dwarf_Line *row = unit_at(m->dwarf, at, &unit) ? dwarf_getsrc_die(&unit, at) : NULL;
    if (!row || dwarf_lineno(row, &n) < 0 || n <= 0) return false;
    *path = dwarf_linesrc(row, NULL, NULL);
    *line = (uint32_t)n;
    return *path != NULL;
}

void ring_lines_free(struct ring_lines *lines) {
    if (!lines) return;
    for (uint32_t i = 0; i < lines->n; i++) {
        if (lines->modules[i].dwarf) dwarf_end(lines->modules[i].dwarf);
        if (lines->modules[i].elf) elf_end(lines->modules[i].elf);
        if (lines->modules[i].fd >= 0) close(lines->modules[i].fd);
    }
    free(lines->modules);
    free(lines);
}

#else

bool ring_line(struct ring_file *file, const struct pv_ring_frame *frame, const char **path,
               uint32_t *line) {
    (void)file, (void)frame, (void)path, (void)line;
    return false;
}

void ring_lines_free(struct ring_lines *lines) {
    (void)lines;
}

#endif
