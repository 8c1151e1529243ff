/* Longsplice for C: the calls of the 2005 patch for NetBSD, splice(2) and sendfile(), over io_uring or epoll(7).
 *
 *     cc program.c -I Sources/LongspliceHeader/include -L .build/release -llongsplice-c
 *
 * liblongsplice-c.so itself needs liburing and the shared libraries of Swift's runtime.
 *
 * Each function returns as a system call does: 0, or -1 with errno set. It sleeps until it is done;
 * signals do not interrupt it. All may be called from any thread. The first call starts the threads that do the work; after it
 * a child of fork(2) has none and is refused. 16,384 calls may sleep at once.
 *
 * The library has six threads and three descriptors, all of them closed by execve(2); each call has two descriptors more, and two for
 * each direction that moves bulk. 64 MiB of addresses are reserved, which cost memory only as far as they are used.
 */
#ifndef LONGSPLICE_H
#define LONGSPLICE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How two sockets are tied: any of these, or 0. */
#define LONGSPLICE_ONE_WAY 1u      /* nothing goes back, and what could is left unread */
#define LONGSPLICE_LOOPBACK 2u     /* `from` and `to` are the same socket; its peer gets everything back */
#define LONGSPLICE_WITHHOLD_FIN 4u /* the end of a stream is told and not passed on by shutdown(2) */

/* Of a length: move whatever comes. */
#define LONGSPLICE_NO_LIMIT UINT64_MAX

/* How it ended. */
#define LONGSPLICE_FINISHED 0       /* each direction was read to its end, and everything delivered */
#define LONGSPLICE_LENGTH_REACHED 1 /* the length was moved; what else there is stays in the socket */
#define LONGSPLICE_RESET 2          /* one of the connections is gone: reset by its peer, or given up by the network */
#define LONGSPLICE_FAILED 3         /* the kernel had no memory or refused what cannot be done without */

/* Whose doing that was. */
#define LONGSPLICE_NEITHER 0
#define LONGSPLICE_FIRST 1  /* fd1, from */
#define LONGSPLICE_SECOND 2 /* fd2, to */

struct longsplice_outcome {
    uint64_t bytes_to_second;       /* that reached fd2 or `to` */
    uint64_t bytes_to_first;        /* that reached fd1 or `from` */
    uint64_t undelivered_to_second; /* bytes taken from the first, and lost since the second's connection is gone */
    uint64_t undelivered_to_first;  /* the same, the other way */
    uint64_t duration_ns;           /* from the beginning to the end */
    int32_t ending;                 /* LONGSPLICE_FINISHED and so on */
    int32_t ended_by;               /* LONGSPLICE_FIRST and so on */
};

/* Ties two connected TCP or UNIX stream sockets, both ways, until both are done: FIN is passed on while the other direction
 * lives. Both stay open, blocking or not as they were, and must not be used meanwhile. Bytes and nothing else: descriptors that are sent
 * along between UNIX sockets (SCM_RIGHTS) are dropped. *outcome is written on success only;
 * NULL is allowed. Where it fails, nothing was moved.
 *
 * EBADF            no open descriptor
 * ENOTSOCK         no socket
 * ESOCKTNOSUPPORT  of a type that is not known, or of two different ones
 * ENOTCONN         without a peer, or listening
 * EINVAL           the same socket twice without LONGSPLICE_LOOPBACK, or two with it; a flag that does not exist
 * EBUSY            another call reads from the socket, or writes to it
 * EMFILE, ENFILE   no descriptor for a duplicate, or, at the first call, for the threads
 * EAGAIN           too many calls at once
 * EOPNOTSUPP       a child of fork(2), and its parent has called before
 */
int longsplice_splice(int fd1, int fd2, struct longsplice_outcome *outcome);

/* As longsplice_splice, with at most `length` bytes from the first to the second. After them no FIN is sent, and the rest stays
 * in `from`. The way back, where there is one, has no bound. */
int longsplice_splice_to(int from, int to, uint64_t length, unsigned flags, struct longsplice_outcome *outcome);

/* Bytes in memory, only read. */
struct longsplice_part {
    const void *bytes;
    size_t length;
};

/* What goes before and behind the file; NULL where a count is 0. */
struct longsplice_hdtr {
    const struct longsplice_part *headers;
    size_t header_count;
    const struct longsplice_part *trailers;
    size_t trailer_count;
};

/* Sends the headers, `length` bytes of `file` from `offset` on, and the trailers into a connected stream socket, and returns when
 * the socket has taken all of them. LONGSPLICE_NO_LIMIT is everything up to the file's end; what lies behind that end is not
 * sent. The file's position is neither used nor changed, and the socket stays open. `hdtr` and `sent` may be NULL. *sent becomes
 * the number of bytes that the socket has taken, headers and trailers among them, on failure too. `flags` is 0.
 *
 * As longsplice_splice, and
 * EINVAL             `file` is no regular file; flags; a part without bytes that has a length
 * EPIPE, ECONNRESET  and whatever else the network says: the connection was lost; *sent tells how far it came
 * EIO                the file could not be read, or became shorter meanwhile
 */
int longsplice_sendfile(int file, int socket, uint64_t offset, uint64_t length, const struct longsplice_hdtr *hdtr,
                        uint64_t *sent, unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
