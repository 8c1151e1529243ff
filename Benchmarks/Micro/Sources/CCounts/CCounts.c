/* The benchmarks' executable defines these functions itself, so the linker takes them before those of the C library and of
 * Swift's runtime; each counts and passes the call on. Swift's own hooks (_swift_retain and its like) are no way: in Swift
 * 6.3 they are called by one convention and expected to follow another. */
#define _GNU_SOURCE
#include "CCounts.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* Of the executable's static block, so that neither counting nor reading allocates. */
static __thread struct ccounts counts __attribute__((tls_model("initial-exec")));

struct ccounts ccounts_now(void) { return counts; }

/* The C library's allocator, by the names that stay when the usual ones are taken (glibc). */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    counts.mallocs++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    counts.mallocs++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    counts.mallocs++;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    counts.mallocs++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *got;

    counts.mallocs++;
    got = __libc_memalign(alignment, size);
    if (got == NULL)
        return ENOMEM;
    *memory = got;
    return 0;
}

/* The runtime may ask that almost every register survives a retain or a release (preserve_most), depending on its version.
 * Keeping them is right either way. */
#define KEEPS_REGISTERS __attribute__((preserve_most))

static void *original(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL) {
        fprintf(stderr, "CCounts: no %s behind this program; link Swift's runtime dynamically\n", name);
        abort();
    }
    return found;
}

#define PASSED_ON(type, name) \
    static type real; \
    if (real == NULL) \
        real = (type)original(name)

typedef void *(*one_reference)(void *);
typedef void *(*some_references)(void *, uint32_t);

#define COUNTED(name, counter) \
    KEEPS_REGISTERS void *name(void *object); \
    KEEPS_REGISTERS void *name(void *object) \
    { \
        PASSED_ON(one_reference, #name); \
        counts.counter++; \
        return real(object); \
    } \
    KEEPS_REGISTERS void *name##_n(void *object, uint32_t count); \
    KEEPS_REGISTERS void *name##_n(void *object, uint32_t count) \
    { \
        PASSED_ON(some_references, #name "_n"); \
        counts.counter += count; \
        return real(object, count); \
    }

COUNTED(swift_retain, retains)
COUNTED(swift_release, releases)
COUNTED(swift_bridgeObjectRetain, retains)
COUNTED(swift_bridgeObjectRelease, releases)

void *swift_allocObject(const void *metadata, size_t size, size_t alignment);
void *swift_allocObject(const void *metadata, size_t size, size_t alignment)
{
    typedef void *(*allocator)(const void *, size_t, size_t);
    PASSED_ON(allocator, "swift_allocObject");
    counts.objects++;
    return real(metadata, size, alignment);
}

void swift_beginAccess(void *address, void *record, uintptr_t flags, void *caller);
void swift_beginAccess(void *address, void *record, uintptr_t flags, void *caller)
{
    typedef void (*checker)(void *, void *, uintptr_t, void *);
    PASSED_ON(checker, "swift_beginAccess");
    counts.exclusivity_checks++;
    real(address, record, flags, caller);
}
