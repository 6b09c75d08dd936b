/* tracer/src/symbols.c - return address -> function, from the ELF symbol tables of the program and
 * its libraries.
 *
 * Read once, at the first start, into one array sorted by address: a look-up allocates nothing and
 * takes no lock.  What is not in a symbol table (a stripped program) has no name.
 * Not here    source lines: who reads the ring finds them (storage/src/ring_lines.c). */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/src/names.h"

struct symbol {
    uintptr_t at, end;
    const char *name; /* in the file's mapping, which stays */
    const char *module;
};

static struct {
    struct symbol *list;
    size_t n, capacity;
    bool out_of_memory;
} symbols;

static void add_symbol(uintptr_t base, const ElfW(Sym) * sym, const char *name,
                       const char *module) {
    if (symbols.n == symbols.capacity) {
        size_t capacity = symbols.capacity ? symbols.capacity * 2 : 4096;
        struct symbol *list = realloc(symbols.list, capacity * sizeof *list);
        if (!list) {
            symbols.out_of_memory = true;
            return;
        }
        symbols.list = list;
        symbols.capacity = capacity;
    }
    uintptr_t at = base + sym->st_value;
    symbols.list[symbols.n++] = (struct symbol){at, at + sym->st_size, name, module};
}

/* The symbols of one section of a mapped file; false where the section does not lie in it. */
static bool read_section(const uint8_t *map, size_t bytes, const ElfW(Shdr) * sections, size_t n,
                         const ElfW(Shdr) * s, uintptr_t base, const char *module) {
    if (s->sh_link >= n || s->sh_offset > bytes || s->sh_size > bytes - s->sh_offset) return false;
    const ElfW(Shdr) *text = &sections[s->sh_link];
    if (text->sh_offset > bytes || text->sh_size > bytes - text->sh_offset) return false;
    if (s->sh_offset % sizeof(uintptr_t) || text->sh_size == 0) return false;
    const char *names = (const char *)map + text->sh_offset;
    if (names[text->sh_size - 1] != 0) return false;
    const ElfW(Sym) *list = (const void *)(map + s->sh_offset);
    for (size_t i = 0; i < s->sh_size / sizeof *list; i++)
        if ((list[i].st_info & 15) == STT_FUNC && list[i].st_shndx != SHN_UNDEF &&
            list[i].st_name < text->sh_size)
            add_symbol(base, &list[i], names + list[i].st_name, module);
    return true;
}

static bool read_symbols(const uint8_t *map, size_t bytes, uintptr_t base, const char *module) {
    const ElfW(Ehdr) *h = (const void *)map;
    if (bytes < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0) return false;
    if (h->e_shentsize != sizeof(ElfW(Shdr)) || h->e_shoff > bytes || h->e_shoff % 8) return false;
    if (h->e_shnum > (bytes - h->e_shoff) / sizeof(ElfW(Shdr))) return false;
    const ElfW(Shdr) *sections = (const void *)(map + h->e_shoff);
    unsigned types[] = {SHT_SYMTAB, SHT_DYNSYM}; /* the second where the program is stripped */
    for (int t = 0; t < 2; t++)
        for (size_t i = 0; i < h->e_shnum; i++)
            if (sections[i].sh_type == types[t])
                return read_section(map, bytes, sections, h->e_shnum, &sections[i], base, module);
    return false;
}

static int read_module(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size, (void)arg;
    bool is_program = !info->dlpi_name || !*info->dlpi_name;
    char path[1024];
    if (is_program) {
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        if (n <= 0) return 0;
        path[n] = 0;
    } else {
        if (strlen(info->dlpi_name) >= sizeof path) return 0;
        strcpy(path, info->dlpi_name);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0) return 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        uint8_t *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        char *module = map == MAP_FAILED ? NULL : strdup(path);
        if (module && !read_symbols(map, (size_t)st.st_size, info->dlpi_addr, module)) {
            munmap(map, (size_t)st.st_size);
            free(module);
        }
    }
    close(fd);
    return symbols.out_of_memory;
}

static int by_address(const void *a, const void *b) {
    const struct symbol *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

void pv__symbols_load(void) {
    if (symbols.n) return;
    dl_iterate_phdr(read_module, NULL);
    qsort(symbols.list, symbols.n, sizeof *symbols.list, by_address);
}

const char *pv__symbol(uintptr_t pc, const char **module) {
    size_t lo = 0, hi = symbols.n; /* the last one that begins at or before pc */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (symbols.list[mid].at <= pc)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0) return NULL;
    const struct symbol *s = &symbols.list[lo - 1];
    /* A size of 0 is hand-written assembler: its function goes on to the next one. */
    if (s->end > s->at && pc >= s->end) return NULL;
    *module = s->module;
    return s->name;
}
