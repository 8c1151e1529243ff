/* What the program has done at run time that the hot path must not do, counted on the calling thread. */
#ifndef LONGSPLICE_CCOUNTS_H
#define LONGSPLICE_CCOUNTS_H

#include <stdint.h>

struct ccounts {
    /* malloc(3) and its relatives, whoever calls them: Swift's runtime, C, the standard library. */
    uint64_t mallocs;
    /* swift_allocObject: class instances, boxes, arrays. */
    uint64_t objects;
    uint64_t retains;
    uint64_t releases;
    /* swift_beginAccess: exclusivity that the compiler could not prove. */
    uint64_t exclusivity_checks;
};

struct ccounts ccounts_now(void);

#endif
