#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A call's result in the project's one language: a count, or -errno. */
#define RESULT(call)                     \
    do {                                 \
        __typeof__(call) result = (call); \
        return result < 0 ? -errno : result; \
    } while (0)

static int32_t set_option(int32_t socket, int level, int name, int value)
{
    RESULT(setsockopt(socket, level, name, &value, sizeof value));
}

/* Pipes and splice */

int32_t clinux_pipe(int32_t *read_end, int32_t *write_end)
{
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

int32_t clinux_pipe_resize(int32_t pipe, int32_t bytes) { RESULT(fcntl(pipe, F_SETPIPE_SZ, bytes)); }
int32_t clinux_pipe_size(int32_t pipe) { RESULT(fcntl(pipe, F_GETPIPE_SZ)); }

int64_t clinux_pipe_write(int32_t pipe, const void *buffer, size_t length) { RESULT(write(pipe, buffer, length)); }
int64_t clinux_read(int32_t descriptor, void *buffer, size_t length) { RESULT(read(descriptor, buffer, length)); }

int64_t clinux_splice(int32_t from, int32_t to, size_t length)
{
    RESULT(splice(from, NULL, to, NULL, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}

/* Files */

int64_t clinux_file_size(int32_t file)
{
    uint64_t device, inode;
    return clinux_file_identity(file, &device, &inode);
}

int64_t clinux_file_identity(int32_t file, uint64_t *device, uint64_t *inode)
{
    struct stat status;
    if (fstat(file, &status) < 0)
        return -errno;
    *device = status.st_dev;
    *inode = status.st_ino;
    return S_ISREG(status.st_mode) ? status.st_size : -EINVAL;
}

int32_t clinux_open_file(const char *path) { RESULT(open(path, O_RDONLY | O_CLOEXEC)); }
int32_t clinux_memory_file(const char *name) { RESULT(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)); }

int32_t clinux_seal(int32_t file)
{
    RESULT(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
}

int32_t clinux_replace(int32_t with, int32_t descriptor) { RESULT(dup3(with, descriptor, O_CLOEXEC)); }

int64_t clinux_sendfile(int32_t socket, int32_t file, int64_t offset, size_t length)
{
    off_t at = offset;
    RESULT(sendfile(socket, file, &at, length));
}

int64_t clinux_sendfile_quietly(int32_t socket, int32_t file, int64_t offset, size_t length)
{
    const struct timespec at_once = { 0 };
    sigset_t broken_pipe, before;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    int64_t result = clinux_sendfile(socket, file, offset, length);
    /* A count that is short may also come with the signal. Where that was blocked before, it stays pending, as after any write. */
    if (result < (int64_t)length && !sigismember(&before, SIGPIPE))
        sigtimedwait(&broken_pipe, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

/* Linux 6.5; Debian 12's headers are older. */
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

struct cache_range {
    uint64_t offset, length;
};

struct cache_status {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

/* Whether the byte can be read without waiting; what cannot tell says yes. */
static int is_readable_now(int32_t file, int64_t offset)
{
    char byte;
    struct iovec place = { .iov_base = &byte, .iov_len = 1 };
    return preadv2(file, &place, 1, offset, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

/* Pages of the range that are not in the page cache; 0 where the kernel cannot tell. */
static int64_t missing_pages(int32_t file, int64_t offset, int64_t length)
{
    const int64_t page = sysconf(_SC_PAGESIZE);
    struct cache_range range = { .offset = (uint64_t)offset, .length = (uint64_t)length };
    struct cache_status status;

    if (syscall(__NR_cachestat, file, &range, &status, 0) < 0)
        return 0;
    return (offset + length - 1) / page - offset / page + 1 - (int64_t)status.cached;
}

/* Linux 6.18 was seen to count too few beside a load, 3 or 64 of 2,048 pages of a file that was locked in memory, where a range did not
 * begin at a multiple of 64 KiB; seldom, and then often twice in a row. Pieces of 64 KiB were counted right. */
static int is_miscounted(int32_t file, int64_t offset, int64_t length, int64_t missing)
{
    enum { MISCOUNT_MAX = 128, PIECE = 64 << 10 };

    if (missing > MISCOUNT_MAX)
        return 0;
    for (int64_t end = offset + length; offset < end;) {
        int64_t next = (offset / PIECE + 1) * PIECE;
        if (next > end)
            next = end;
        if (missing_pages(file, offset, next - offset) > 0)
            return 0;
        offset = next;
    }
    return 1;
}

int32_t clinux_file_is_cached(int32_t file, int64_t offset, int64_t length)
{
    if (length <= 0)
        return 1;
    const int64_t missing = missing_pages(file, offset, length);
    if (missing > 0 && !is_miscounted(file, offset, length, missing))
        return 0;
    const int64_t page = sysconf(_SC_PAGESIZE), last = offset + length - 1;
    return is_readable_now(file, offset) && (last / page == offset / page || is_readable_now(file, last));
}

void clinux_file_begin_reading(int32_t file, int64_t offset) { is_readable_now(file, offset); }

/* Sockets */

int32_t clinux_socket(int32_t family) { RESULT(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

int32_t clinux_socket_pair(int32_t *a, int32_t *b)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    *a = ends[0];
    *b = ends[1];
    return 0;
}

int32_t clinux_record_pair(int32_t type, int32_t ends[2])
{
    RESULT(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
}

int32_t clinux_udp_pair(int32_t ends[2])
{
    struct sockaddr_in addresses[2];
    for (int i = 0; i < 2; i++) {
        socklen_t size = sizeof addresses[i];
        memset(&addresses[i], 0, size);
        addresses[i].sin_family = AF_INET;
        addresses[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ends[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (ends[i] < 0 || bind(ends[i], (struct sockaddr *)&addresses[i], size) < 0
            || getsockname(ends[i], (struct sockaddr *)&addresses[i], &size) < 0)
            return -errno;
    }
    for (int i = 0; i < 2; i++)
        if (connect(ends[i], (struct sockaddr *)&addresses[1 - i], sizeof addresses[0]) < 0)
            return -errno;
    return 0;
}

int32_t clinux_bind(int32_t s, const void *address, uint32_t length) { RESULT(bind(s, address, length)); }

/* The port is left to connect(2), which may use one port for several far ends. */
int32_t clinux_bind_without_port(int32_t s, const void *address, uint32_t length)
{
    int32_t status = set_option(s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    return status < 0 ? status : clinux_bind(s, address, length);
}

int32_t clinux_listen(int32_t s, int32_t backlog) { RESULT(listen(s, backlog)); }
int32_t clinux_accept(int32_t listener) { RESULT(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)); }
int32_t clinux_connect(int32_t s, const void *address, uint32_t length) { RESULT(connect(s, address, length)); }
int32_t clinux_shutdown_write(int32_t s) { RESULT(shutdown(s, SHUT_WR)); }
int32_t clinux_local_address(int32_t s, void *address, uint32_t *length) { RESULT(getsockname(s, address, length)); }
int32_t clinux_peer_address(int32_t s, void *address, uint32_t *length) { RESULT(getpeername(s, address, length)); }
int64_t clinux_receive(int32_t s, void *buffer, size_t length) { RESULT(recv(s, buffer, length, MSG_DONTWAIT)); }

int64_t clinux_receive_watchfully(int32_t s, void *buffer, size_t length, int32_t *stopped)
{
    struct iovec part = { .iov_base = buffer, .iov_len = length };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t count = recvmsg(s, &message, MSG_DONTWAIT);

    if (count < 0)
        return -errno;
    *stopped = (message.msg_flags & MSG_CTRUNC) != 0;
    return count;
}

int64_t clinux_peek(int32_t s, void *buffer, size_t length)
{
    RESULT(recv(s, buffer, length, MSG_DONTWAIT | MSG_PEEK));
}

int64_t clinux_discard(int32_t s, size_t length) { RESULT(recv(s, NULL, length, MSG_DONTWAIT | MSG_TRUNC)); }

int64_t clinux_send(int32_t s, const void *buffer, size_t length)
{
    RESULT(send(s, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int64_t clinux_send_more(int32_t s, const void *buffer, size_t length)
{
    RESULT(send(s, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE));
}

int64_t clinux_send_urgent(int32_t s, uint8_t byte) { RESULT(send(s, &byte, 1, MSG_OOB | MSG_NOSIGNAL)); }

int32_t clinux_pending_error(int32_t s)
{
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -errno;
    return -error;
}

int64_t clinux_peek_record(int32_t s, void *buffer, size_t length)
{
    RESULT(recv(s, buffer, length, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT));
}

int64_t clinux_drop_record(int32_t s) { RESULT(recv(s, NULL, 0, MSG_TRUNC | MSG_DONTWAIT)); }

int32_t clinux_has_empty_record(int32_t s)
{
    struct pollfd look = { .fd = s, .events = POLLRDHUP };
    /* Room for no descriptors: a look would make them ours (SCM_RIGHTS). */
    char control[CMSG_SPACE(sizeof(struct ucred))];
    struct msghdr message = { .msg_control = control, .msg_controllen = sizeof control };
    int was = 0, on = 1, found;
    socklen_t size = sizeof was;

    if (poll(&look, 1, 0) < 0)
        return -errno;
    if ((look.revents & (POLLRDHUP | POLLHUP)) == 0)
        return 1;
    if (getsockopt(s, SOL_SOCKET, SO_PASSCRED, &was, &size) < 0 || setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
        return 0;
    found = recvmsg(s, &message, MSG_PEEK | MSG_DONTWAIT) >= 0 && message.msg_controllen > 0;
    setsockopt(s, SOL_SOCKET, SO_PASSCRED, &was, sizeof was);
    return found;
}

static int32_t shows(int32_t s, short events)
{
    struct pollfd look = { .fd = s, .events = events };
    if (poll(&look, 1, 0) < 0)
        return -errno;
    return (look.revents & (events | POLLHUP | POLLERR)) != 0;
}

int32_t clinux_has_hung_up(int32_t s) { return shows(s, 0); }
int32_t clinux_has_ended_stream(int32_t s) { return shows(s, POLLRDHUP); }

int32_t clinux_unsent_bytes(int32_t s)
{
    int bytes = 0;
    if (ioctl(s, SIOCOUTQ, &bytes) < 0)
        return -errno;
    return bytes;
}

int32_t clinux_set_no_delay(int32_t s) { return set_option(s, IPPROTO_TCP, TCP_NODELAY, 1); }
int32_t clinux_set_urgent_inline(int32_t s) { return set_option(s, SOL_SOCKET, SO_OOBINLINE, 1); }
static int32_t get_option(int32_t socket, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(socket, level, name, &value, &size) < 0 ? -errno : value;
}

int32_t clinux_socket_domain(int32_t s) { return get_option(s, SOL_SOCKET, SO_DOMAIN); }
int32_t clinux_socket_type(int32_t s) { return get_option(s, SOL_SOCKET, SO_TYPE); }
int32_t clinux_socket_protocol(int32_t s) { return get_option(s, SOL_SOCKET, SO_PROTOCOL); }
int32_t clinux_socket_listens(int32_t s) { return get_option(s, SOL_SOCKET, SO_ACCEPTCONN); }

int32_t clinux_unread_bytes(int32_t s)
{
    int bytes = 0;
    return ioctl(s, FIONREAD, &bytes) < 0 ? -errno : bytes;
}

int32_t clinux_tcp_state(int32_t s)
{
    struct tcp_info info;
    socklen_t size = sizeof info.tcpi_state;
    return getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ? -errno : info.tcpi_state;
}

int64_t clinux_socket_cookie(int32_t s)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return getsockopt(s, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0 ? -errno : (int64_t)(cookie & INT64_MAX);
}

int32_t clinux_is_nonblocking(int32_t descriptor)
{
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -errno : (flags & O_NONBLOCK) != 0;
}

int32_t clinux_set_nonblocking(int32_t descriptor, int32_t on)
{
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0)
        return -errno;
    RESULT(fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

int32_t clinux_is_no_delay(int32_t s) { return get_option(s, IPPROTO_TCP, TCP_NODELAY); }
int32_t clinux_unset_no_delay(int32_t s) { return set_option(s, IPPROTO_TCP, TCP_NODELAY, 0); }
int32_t clinux_is_corked(int32_t s) { return get_option(s, IPPROTO_TCP, TCP_CORK); }
int32_t clinux_set_corked(int32_t s, int32_t on) { return set_option(s, IPPROTO_TCP, TCP_CORK, on); }
int32_t clinux_is_urgent_inline(int32_t s) { return get_option(s, SOL_SOCKET, SO_OOBINLINE); }
int32_t clinux_unset_urgent_inline(int32_t s) { return set_option(s, SOL_SOCKET, SO_OOBINLINE, 0); }
int32_t clinux_set_low_water(int32_t s, int32_t bytes) { return set_option(s, SOL_SOCKET, SO_RCVLOWAT, bytes); }
int32_t clinux_set_reuse_address(int32_t s) { return set_option(s, SOL_SOCKET, SO_REUSEADDR, 1); }
int32_t clinux_set_reuse_port(int32_t s) { return set_option(s, SOL_SOCKET, SO_REUSEPORT, 1); }
int32_t clinux_set_ipv6_only(int32_t s) { return set_option(s, IPPROTO_IPV6, IPV6_V6ONLY, 1); }
int32_t clinux_set_fast_open(int32_t s, int32_t queue) { return set_option(s, IPPROTO_TCP, TCP_FASTOPEN, queue); }

int32_t clinux_set_defer_accept(int32_t s, int32_t seconds)
{
    return set_option(s, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds);
}

int32_t clinux_set_user_timeout(int32_t s, int32_t milliseconds)
{
    return set_option(s, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds);
}

int32_t clinux_set_keepalive(int32_t s, int32_t idle_seconds, int32_t interval_seconds, int32_t probes)
{
    int32_t status = set_option(s, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
    if (status == 0)
        status = set_option(s, IPPROTO_TCP, TCP_KEEPINTVL, interval_seconds);
    if (status == 0)
        status = set_option(s, IPPROTO_TCP, TCP_KEEPCNT, probes);
    return status < 0 ? status : set_option(s, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int32_t clinux_set_congestion_control(int32_t s, const char *name)
{
    RESULT(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)));
}

int32_t clinux_bind_to_interface(int32_t s, const char *name)
{
    RESULT(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)));
}

int32_t clinux_set_transparent(int32_t s)
{
    if (clinux_socket_domain(s) == AF_INET6)
        return set_option(s, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
    return set_option(s, IPPROTO_IP, IP_TRANSPARENT, 1);
}

int32_t clinux_set_mode(const char *path, uint32_t mode) { RESULT(chmod(path, (mode_t)mode)); }

int32_t clinux_set_reset_on_close(int32_t s)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    RESULT(setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

int32_t clinux_unlink(const char *path) { RESULT(unlink(path)); }

int32_t clinux_reset(int32_t s)
{
    struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
    RESULT(connect(s, &nowhere, sizeof nowhere));
}

int32_t clinux_duplicate(int32_t descriptor) { RESULT(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)); }

/* close(2) is not repeated after EINTR: on Linux the descriptor is gone by then. */
int32_t clinux_close(int32_t descriptor) { RESULT(close(descriptor)); }

/* epoll */

const uint32_t clinux_epoll_in = EPOLLIN, clinux_epoll_out = EPOLLOUT, clinux_epoll_read_hangup = EPOLLRDHUP,
               clinux_epoll_hangup = EPOLLHUP, clinux_epoll_error = EPOLLERR, clinux_epoll_urgent = EPOLLPRI;

int32_t clinux_epoll_create(void) { RESULT(epoll_create1(EPOLL_CLOEXEC)); }

static int32_t epoll_insert(int32_t epoll, int32_t descriptor, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = descriptor };
    RESULT(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event));
}

int32_t clinux_epoll_add(int32_t epoll, int32_t descriptor, uint32_t events)
{
    return epoll_insert(epoll, descriptor, events | EPOLLET);
}

int32_t clinux_epoll_add_level(int32_t epoll, int32_t descriptor, uint32_t events)
{
    return epoll_insert(epoll, descriptor, events | EPOLLEXCLUSIVE);
}

int32_t clinux_epoll_remove(int32_t epoll, int32_t descriptor)
{
    RESULT(epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL));
}

int32_t clinux_epoll_wait(int32_t epoll, clinux_epoll_event *events, int32_t capacity, int64_t nanoseconds)
{
    enum { BATCH = 256 };
    struct epoll_event batch[BATCH];
    struct timespec time = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };
    int count = (int)syscall(SYS_epoll_pwait2, epoll, batch, capacity < BATCH ? capacity : BATCH,
                             nanoseconds < 0 ? NULL : &time, NULL, 0);

    if (count < 0 && errno == ENOSYS) /* before Linux 5.11: milliseconds, rounded up so that no wait spins */
        count = epoll_wait(epoll, batch, capacity < BATCH ? capacity : BATCH,
                           nanoseconds < 0 ? -1 : (int)((nanoseconds + 999999) / 1000000));
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++)
        events[i] = (clinux_epoll_event){ .events = batch[i].events, .descriptor = batch[i].data.fd };
    return count;
}

/* eventfd */

int32_t clinux_event(void) { RESULT(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

int32_t clinux_event_ring(int32_t event)
{
    uint64_t one = 1;
    return write(event, &one, sizeof one) < 0 ? -errno : 0;
}

int64_t clinux_event_clear(int32_t event)
{
    uint64_t rang = 0;
    return read(event, &rang, sizeof rang) < 0 ? -errno : (int64_t)rang;
}

/* Files that lines are written to */

int32_t clinux_open_for_lines(const char *path)
{
    RESULT(open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640));
}

int32_t clinux_open_fifo(const char *path) { RESULT(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)); }

int32_t clinux_kind_at(const char *path)
{
    struct stat status;
    return stat(path, &status) < 0 ? -errno : (int32_t)((status.st_mode & S_IFMT) >> 12);
}

int32_t clinux_kind(int32_t descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) < 0 ? -errno : (int32_t)((status.st_mode & S_IFMT) >> 12);
}

int64_t clinux_write(int32_t descriptor, const void *buffer, size_t length) { RESULT(write(descriptor, buffer, length)); }

int32_t clinux_datagram_socket(void) { RESULT(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

int32_t clinux_wait_for_room(int32_t sink, int32_t bell, int32_t milliseconds)
{
    struct pollfd both[] = { { .fd = sink, .events = POLLOUT }, { .fd = bell, .events = POLLIN } };
    if (poll(both, 2, milliseconds) < 0)
        return errno == EINTR ? 0 : -errno;
    return (both[0].revents != 0) | (both[1].revents != 0) << 1;
}

/* Threads, signals, limits, time */

int64_t clinux_monotonic_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clinux_wall_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clinux_process_processor_nanoseconds(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return -errno;
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

int64_t clinux_thread_processor_nanoseconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

int32_t clinux_pin_to_processor(int32_t processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return -pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

int32_t clinux_allowed_processors(int32_t *list, int32_t capacity)
{
    cpu_set_t set;
    int32_t count = 0;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return -errno;
    for (int32_t processor = 0; processor < CPU_SETSIZE && count < capacity; processor++)
        if (CPU_ISSET(processor, &set))
            list[count++] = processor;
    return count;
}

int32_t clinux_name_thread(const char *name) { return -pthread_setname_np(pthread_self(), name); }

int32_t clinux_process_number(void) { return getpid(); }

int32_t clinux_thread_number(void) { return gettid(); }

int32_t clinux_signal_thread(int32_t thread, int32_t signal) { RESULT(syscall(SYS_tgkill, getpid(), thread, signal)); }

void clinux_set_errno(int32_t code) { errno = code; }

int32_t clinux_block_all_signals(void)
{
    sigset_t set;
    sigfillset(&set);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int32_t clinux_ignore_broken_pipe_signal(void)
{
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0;
}

int32_t clinux_ignore_file_size_signal(void)
{
    return signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -errno : 0;
}

static sigset_t set_of(const int32_t *signals, int32_t count)
{
    sigset_t set;
    sigemptyset(&set);
    for (int32_t i = 0; i < count; i++)
        sigaddset(&set, signals[i]);
    return set;
}

int32_t clinux_block_signals(const int32_t *signals, int32_t count)
{
    sigset_t set = set_of(signals, count);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int32_t clinux_wait_signal(const int32_t *signals, int32_t count, int64_t nanoseconds)
{
    sigset_t set = set_of(signals, count);
    struct timespec time = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };
    int signal = sigtimedwait(&set, NULL, &time);
    if (signal < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    return signal;
}

static int32_t limit(int resource, uint64_t *soft, uint64_t *hard)
{
    struct rlimit both;
    if (getrlimit(resource, &both) < 0)
        return -errno;
    *soft = both.rlim_cur;
    *hard = both.rlim_max;
    return 0;
}

int32_t clinux_limit_descriptors(uint64_t *soft, uint64_t *hard) { return limit(RLIMIT_NOFILE, soft, hard); }
int32_t clinux_limit_locked_memory(uint64_t *soft, uint64_t *hard) { return limit(RLIMIT_MEMLOCK, soft, hard); }

int32_t clinux_raise_descriptors(uint64_t soft)
{
    struct rlimit both;
    if (getrlimit(RLIMIT_NOFILE, &both) < 0)
        return -errno;
    both.rlim_cur = soft;
    RESULT(setrlimit(RLIMIT_NOFILE, &both));
}

int32_t clinux_has_capability(int32_t capability)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &header, sets) < 0)
        return -errno;
    return (sets[capability / 32].effective >> (capability % 32)) & 1;
}

const char *clinux_error_name(int32_t code)
{
    const char *name = strerrorname_np(code);
    return name ? name : "E?";
}

const char *clinux_error_text(int32_t code)
{
    const char *text = strerrordesc_np(code);
    return text ? text : "unknown error";
}

/* Addresses */

int32_t clinux_address_from_text(const char *host, uint16_t port, void *address)
{
    struct sockaddr_in *v4 = address;
    struct sockaddr_in6 *v6 = address;

    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    memset(v6, 0, sizeof *v6);
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof *v6;
    }
    return -EINVAL;
}

int32_t clinux_address_from_path(const char *path, void *address)
{
    struct sockaddr_un *unix_address = address;
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof unix_address->sun_path)
        return -EINVAL;
    unix_address->sun_family = AF_UNIX;
    memcpy(unix_address->sun_path, path, length + 1);
    return sizeof *unix_address;
}

int32_t clinux_address_from_abstract_name(const void *name, size_t length, void *address)
{
    struct sockaddr_un *unix_address = address;

    if (length == 0 || length >= sizeof unix_address->sun_path)
        return -EINVAL;
    unix_address->sun_family = AF_UNIX;
    unix_address->sun_path[0] = 0;
    memcpy(unix_address->sun_path + 1, name, length);
    return (int32_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

int32_t clinux_address_to_text(const void *address, void *text, size_t capacity)
{
    const struct sockaddr *any = address;
    const void *host = any->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                                 : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    return inet_ntop(any->sa_family, host, text, (socklen_t)capacity) ? (int32_t)strlen(text) : -errno;
}

int32_t clinux_lookup(const char *host, uint16_t port, void *addresses, uint32_t *lengths, int32_t capacity)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *found = NULL;
    int32_t count = 0;
    int status = getaddrinfo(host, NULL, &hints, &found);

    if (status != 0)
        return status < 0 ? status : -status;
    for (struct addrinfo *one = found; one != NULL && count < capacity; one = one->ai_next) {
        struct sockaddr *to = (struct sockaddr *)((char *)addresses + 128 * (size_t)count);
        if (one->ai_addrlen > 128)
            continue;
        memcpy(to, one->ai_addr, one->ai_addrlen);
        if (to->sa_family == AF_INET)
            ((struct sockaddr_in *)to)->sin_port = htons(port);
        else
            ((struct sockaddr_in6 *)to)->sin6_port = htons(port);
        lengths[count++] = one->ai_addrlen;
    }
    freeaddrinfo(found);
    return count;
}

const char *clinux_lookup_text(int32_t code) { return gai_strerror(code); }

int32_t clinux_ask_name(const char *name, int32_t type, void *answer, size_t capacity)
{
    struct __res_state state;
    int length, reason;

    memset(&state, 0, sizeof state);
    if (res_ninit(&state) != 0)
        return -ENOMEM;
    length = res_nsearch(&state, name, ns_c_in, type, answer, (int)capacity);
    reason = state.res_h_errno;
    res_nclose(&state);
    if (length >= 0)
        return length <= (int)capacity ? length : -EMSGSIZE;
    switch (reason) {
    case HOST_NOT_FOUND: return -ENOENT;
    case NO_DATA: return -ENODATA;
    case NO_RECOVERY: return -EPROTO;
    default: return -EAGAIN;
    }
}

/* Memory and threads */

void *clinux_zeroed(size_t count, size_t stride) { return calloc(count, stride); }
void clinux_free(void *memory) { free(memory); }

/* Who holds the lock may have lost its processor: after a moment of spinning others get ours. */
void clinux_lock_slowly(uint32_t *lock)
{
    int spins = 0;
    do {
        while (__atomic_load_n(lock, __ATOMIC_RELAXED) != 0)
            if (++spins % 128 == 0)
                sched_yield();
    } while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0);
}

struct thread_start {
    void (*entry)(void *);
    void *context;
};

static void *thread_main(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    start.entry(start.context);
    return NULL;
}

int32_t clinux_thread_start(uint64_t *thread, void (*entry)(void *), void *context)
{
    struct thread_start *start = malloc(sizeof *start);
    pthread_t made;
    int status;

    if (start == NULL)
        return -ENOMEM;
    *start = (struct thread_start){ entry, context };
    status = pthread_create(&made, NULL, thread_main, start);
    if (status != 0) {
        free(start);
        return -status;
    }
    *thread = (uint64_t)made;
    return 0;
}

int32_t clinux_thread_detach(uint64_t thread) { return -pthread_detach((pthread_t)thread); }

int32_t clinux_thread_join(uint64_t thread) { return -pthread_join((pthread_t)thread, NULL); }

void *clinux_mutex(void)
{
    pthread_mutex_t *mutex = malloc(sizeof *mutex);
    if (mutex != NULL)
        pthread_mutex_init(mutex, NULL);
    return mutex;
}

void clinux_mutex_lock(void *mutex) { pthread_mutex_lock(mutex); }
void clinux_mutex_unlock(void *mutex) { pthread_mutex_unlock(mutex); }

void clinux_mutex_free(void *mutex)
{
    pthread_mutex_destroy(mutex);
    free(mutex);
}

void *clinux_semaphore(void)
{
    sem_t *semaphore = malloc(sizeof *semaphore);
    if (semaphore != NULL)
        sem_init(semaphore, 0, 0);
    return semaphore;
}

void clinux_semaphore_post(void *semaphore) { sem_post(semaphore); }

void clinux_semaphore_wait(void *semaphore)
{
    while (sem_wait(semaphore) < 0 && errno == EINTR)
        ;
}

int32_t clinux_semaphore_wait_for(void *semaphore, int64_t nanoseconds)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec += nanoseconds % 1000000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) < 0)
        if (errno != EINTR)
            return 0;
    return 1;
}

void clinux_semaphore_free(void *semaphore)
{
    sem_destroy(semaphore);
    free(semaphore);
}

/* Other programs */

/* fork(2) and not posix_spawn(3): only so can the child ask to end with its parent. Between fork and exec there are nothing but
   calls that signal-safety(7) allows. */
int32_t clinux_spawn(const char *path, char *const arguments[], int32_t standard_error)
{
    pid_t parent = getpid();
    pid_t process = fork();

    if (process != 0)
        return process < 0 ? -errno : process;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent && dup2(standard_error, STDERR_FILENO) >= 0)
        execv(path, arguments);
    _exit(127);
}

int32_t clinux_signal_process(int32_t process, int32_t number) { RESULT(kill(process, number)); }

int32_t clinux_has_ended(int32_t process)
{
    pid_t ended = waitpid(process, NULL, WNOHANG);
    return ended < 0 ? -errno : ended == process;
}
