/* Longsplice's view of liburing 2.3: static inline only, so that nothing has to be built for this module.
 *
 * Each function is one request or one look at a ring. Errors are -errno, as liburing returns them. Constants newer than
 * Debian 12's kernel headers (6.1) are defined here by value, with the kernel that brought them.
 */
#ifndef LONGSPLICE_CLIBURING_SHIM_H
#define LONGSPLICE_CLIBURING_SHIM_H

/* First, so that <features.h> is read before liburing.h defines _GNU_SOURCE: it then has no effect, and system types look
 * here as they do in Swift's Glibc module. Otherwise one compilation that sees both finds two kinds of fd_set. */
#include <sys/types.h>

#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Swift's importer does not see these as plain integers of one width. */
static const uint32_t lsr_setup_single_issuer = IORING_SETUP_SINGLE_ISSUER;
static const uint32_t lsr_setup_defer_taskrun = IORING_SETUP_DEFER_TASKRUN;
static const uint32_t lsr_setup_coop_taskrun = IORING_SETUP_COOP_TASKRUN;
static const uint32_t lsr_setup_taskrun_flag = IORING_SETUP_TASKRUN_FLAG;
static const uint32_t lsr_setup_submit_all = IORING_SETUP_SUBMIT_ALL;
static const uint32_t lsr_setup_cqsize = IORING_SETUP_CQSIZE;

static const uint32_t lsr_feature_nodrop = IORING_FEAT_NODROP;
static const uint32_t lsr_feature_submit_stable = IORING_FEAT_SUBMIT_STABLE;
static const uint32_t lsr_feature_fast_poll = IORING_FEAT_FAST_POLL;
static const uint32_t lsr_feature_ext_arg = IORING_FEAT_EXT_ARG;
static const uint32_t lsr_feature_cqe_skip = IORING_FEAT_CQE_SKIP;

static const uint8_t lsr_op_poll_add = IORING_OP_POLL_ADD;
static const uint8_t lsr_op_splice = IORING_OP_SPLICE;
static const uint8_t lsr_op_accept = IORING_OP_ACCEPT;
static const uint8_t lsr_op_connect = IORING_OP_CONNECT;
static const uint8_t lsr_op_async_cancel = IORING_OP_ASYNC_CANCEL;
static const uint8_t lsr_op_recv = IORING_OP_RECV;
static const uint8_t lsr_op_send = IORING_OP_SEND;

/* splice(2)'s flags, which <fcntl.h> shows with _GNU_SOURCE only. */
static const uint32_t lsr_splice_move = 1;
static const uint32_t lsr_splice_nonblock = 2;

/* How a request is tied to the one behind it. */
static const uint32_t lsr_link = IOSQE_IO_LINK;
static const uint32_t lsr_hardlink = IOSQE_IO_HARDLINK;
static const uint32_t lsr_quiet_success = IOSQE_CQE_SKIP_SUCCESS;

/* Sets a ring up and registers its descriptor; *features gets the kernel's feature bits. */
static inline int lsr_init(struct io_uring *ring, uint32_t entries, uint32_t completions, uint32_t flags,
                           uint32_t *features)
{
    struct io_uring_params parameters;
    int status;

    memset(&parameters, 0, sizeof parameters);
    parameters.flags = flags | IORING_SETUP_CQSIZE;
    parameters.cq_entries = completions;
    status = io_uring_queue_init_params(entries, ring, &parameters);
    if (status < 0)
        return status;
    *features = parameters.features;
    return 0;
}

/* 1 when the kernel lists the opcode as supported (IORING_REGISTER_PROBE), 0 when not. */
static inline int lsr_supports(const struct io_uring_probe *probe, uint8_t opcode)
{
    return io_uring_opcode_supported(probe, opcode);
}

static inline unsigned lsr_space_left(const struct io_uring *ring)
{
    return io_uring_sq_space_left(ring);
}

/* The requests below take a free entry without looking: the caller has asked lsr_space_left before. */

static inline void lsr_tag(struct io_uring_sqe *entry, uint32_t flags, uint64_t tag)
{
    entry->flags |= (uint8_t)flags;
    entry->user_data = tag;
}

static inline void lsr_poll(struct io_uring *ring, int descriptor, uint32_t events, uint32_t flags, uint64_t tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_poll_add(entry, descriptor, events);
    lsr_tag(entry, flags, tag);
}

/* Stays armed and answers at every change; a plain poll would tell POLLRDHUP whether asked or not, and be done. */
static inline void lsr_poll_multishot(struct io_uring *ring, int descriptor, uint32_t events, uint64_t tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_poll_multishot(entry, descriptor, events);
    lsr_tag(entry, 0, tag);
}

static inline void lsr_splice(struct io_uring *ring, int from, int to, uint32_t length, uint32_t flags, uint64_t tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_splice(entry, from, -1, to, -1, length, lsr_splice_move | lsr_splice_nonblock);
    lsr_tag(entry, flags, tag);
}

static inline void lsr_accept_multishot(struct io_uring *ring, int listener, int socket_flags, uint64_t tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_multishot_accept(entry, listener, NULL, NULL, socket_flags);
    lsr_tag(entry, 0, tag);
}

static inline void lsr_connect(struct io_uring *ring, int socket, const void *address, uint32_t length, uint64_t tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_connect(entry, socket, (const struct sockaddr *)address, (socklen_t)length);
    lsr_tag(entry, 0, tag);
}

/* The one group of buffers that receives take from. */
enum { lsr_buffer_group = 0 };

/* Gives the ring an empty list of buffers, `count` places long (a power of two, 32768 at most). *list is for lsr_provide and
 * lsr_buffers_free, and must outlive the ring. Gives -errno of IORING_REGISTER_PBUF_RING (Linux 5.19). */
static inline int lsr_buffers_make(struct io_uring *ring, uint32_t count, void **list)
{
    struct io_uring_buf_reg registration;
    void *memory = NULL;
    int status = posix_memalign(&memory, 4096, count * sizeof(struct io_uring_buf));

    if (status != 0)
        return -status;
    memset(memory, 0, count * sizeof(struct io_uring_buf));
    memset(&registration, 0, sizeof registration);
    registration.ring_addr = (uint64_t)(uintptr_t)memory;
    registration.ring_entries = count;
    registration.bgid = lsr_buffer_group;
    status = io_uring_register_buf_ring(ring, &registration, 0);
    if (status < 0) {
        free(memory);
        return status;
    }
    *list = memory;
    return 0;
}

static inline void lsr_buffers_free(void *list) { free(list); }

/* Puts one buffer at the end of the list; the kernel fills them in turn. */
static inline void lsr_provide(void *list, uint32_t count, void *start, uint32_t length, uint16_t number)
{
    struct io_uring_buf_ring *buffers = (struct io_uring_buf_ring *)list;
    io_uring_buf_ring_add(buffers, start, length, number, (int)count - 1, 0);
    io_uring_buf_ring_advance(buffers, 1);
}

/* Waits first and takes a buffer only when there is something for it (IORING_RECVSEND_POLL_FIRST); again and again, and ends
 * by itself after `limit` bytes in all; 0 for no limit. */
static inline void lsr_receive_multishot(struct io_uring *ring, int socket, uint32_t limit, uint64_t tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_recv_multishot(entry, socket, NULL, 0, 0);
    entry->file_index = limit; /* optlen, Linux 6.17 */
    entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
    entry->buf_group = lsr_buffer_group;
    lsr_tag(entry, IOSQE_BUFFER_SELECT, tag);
}

/* 1 where receives take a limit; before Linux 6.17 they say -EINVAL. For a ring that has nothing in flight. */
static inline int lsr_receives_take_limit(struct io_uring *ring)
{
    struct io_uring_cqe *answer;
    int ends[2], status;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return 0;
    close(ends[1]);
    lsr_receive_multishot(ring, ends[0], 4096, 0);
    status = io_uring_submit(ring);
    if (status == 1)
        status = io_uring_wait_cqe(ring, &answer);
    if (status == 0) {
        status = answer->res != -EINVAL;
        io_uring_cqe_seen(ring, answer);
    }
    close(ends[0]);
    return status == 1;
}

static inline void lsr_send(struct io_uring *ring, int socket, const void *from, uint32_t length, uint64_t tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_send(entry, socket, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    lsr_tag(entry, 0, tag);
}

/* Ends the request that carries `target`. Only a failure to find it posts a completion. */
static inline void lsr_cancel(struct io_uring *ring, uint64_t target, uint64_t tag)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_cancel64(entry, target, 0);
    lsr_tag(entry, IOSQE_CQE_SKIP_SUCCESS, tag);
}

/* Submits what is prepared and waits for `wanted` completions or `nanoseconds`; a negative time waits without end. */
static inline int lsr_submit_and_wait(struct io_uring *ring, unsigned wanted, int64_t nanoseconds)
{
    struct io_uring_cqe *first = NULL;
    struct __kernel_timespec time;

    if (wanted == 0)
        return io_uring_submit_and_get_events(ring);
    time.tv_sec = nanoseconds / 1000000000;
    time.tv_nsec = nanoseconds % 1000000000;
    return io_uring_submit_and_wait_timeout(ring, &first, wanted, nanoseconds < 0 ? NULL : &time, NULL);
}

/* Copies at most `capacity` completions out and frees their entries; `batch` has the layout of struct io_uring_cqe. */
static inline unsigned lsr_reap(struct io_uring *ring, void *batch, unsigned capacity)
{
    struct io_uring_cqe *to = (struct io_uring_cqe *)batch;
    struct io_uring_cqe *from;
    unsigned head, count = 0;

    if ((IO_URING_READ_ONCE(*ring->sq.kflags) & IORING_SQ_CQ_OVERFLOW) && io_uring_cq_ready(ring) == 0)
        io_uring_get_events(ring);
    io_uring_for_each_cqe(ring, head, from) {
        if (count == capacity)
            break;
        to[count].user_data = from->user_data;
        to[count].res = from->res;
        to[count].flags = from->flags;
        count++;
    }
    io_uring_cq_advance(ring, count);
    return count;
}

/* 1 when there are completions, or task work that makes some (IORING_SETUP_TASKRUN_FLAG). Spares the processor a little when
 * there are none, since it is asked in a loop. */
static inline int lsr_is_ripe(struct io_uring *ring)
{
    if (io_uring_cq_ready(ring) != 0 || (IO_URING_READ_ONCE(*ring->sq.kflags) & IORING_SQ_TASKRUN) != 0)
        return 1;
#if defined(__x86_64__)
    for (int i = 0; i < 8; i++)
        __builtin_ia32_pause();
#endif
    return 0;
}

/* 1 when the kernel holds completions back because the completion queue was full. */
static inline int lsr_completions_overflowed(const struct io_uring *ring)
{
    return (IO_URING_READ_ONCE(*ring->sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
}

/* Completions the kernel had to drop for good; stays 0 where IORING_FEAT_NODROP is present. */
static inline uint32_t lsr_completions_dropped(const struct io_uring *ring)
{
    return IO_URING_READ_ONCE(*ring->cq.koverflow);
}

/* {bounded, unbounded} io-wq workers of the calling thread; 0 keeps a value, the old ones come back. */
static inline int lsr_bound_workers(struct io_uring *ring, uint32_t bounded, uint32_t unbounded)
{
    unsigned values[2] = { bounded, unbounded };
    return io_uring_register_iowq_max_workers(ring, values);
}

#endif
