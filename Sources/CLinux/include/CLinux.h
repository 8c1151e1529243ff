/* The Linux calls that Swift's Glibc module does not show, each one a call and nothing more.
 *
 * Every function returns what the call returns, or -errno. Only stdint.h and stddef.h are included here: system headers
 * in a public header clash with liburing.h's _GNU_SOURCE in debug builds. Structures that the kernel fills are handed
 * over as plain numbers for the same reason.
 */
#ifndef LONGSPLICE_CLINUX_H
#define LONGSPLICE_CLINUX_H

#include <stddef.h>
#include <stdint.h>

/* Pipes and splice(2). */
int32_t clinux_pipe(int32_t *read_end, int32_t *write_end);              /* pipe2(O_NONBLOCK | O_CLOEXEC) */
int32_t clinux_pipe_resize(int32_t pipe, int32_t bytes);                 /* F_SETPIPE_SZ, gives the size granted */
int32_t clinux_pipe_size(int32_t pipe);                                  /* F_GETPIPE_SZ */
int64_t clinux_pipe_write(int32_t pipe, const void *buffer, size_t length);
int64_t clinux_read(int32_t descriptor, void *buffer, size_t length);
int64_t clinux_splice(int32_t from, int32_t to, size_t length);          /* SPLICE_F_MOVE | SPLICE_F_NONBLOCK */

/* Files. Offsets and lengths are bytes; the file's own position is neither used nor changed. */
int64_t clinux_file_size(int32_t file);                                  /* fstat(2); -EINVAL for what is no regular file */
int64_t clinux_file_identity(int32_t file, uint64_t *device, uint64_t *inode); /* the same, and which file it is */
int32_t clinux_open_file(const char *path);                              /* O_RDONLY | O_CLOEXEC */
int32_t clinux_memory_file(const char *name);                            /* memfd_create(2), CLOEXEC, can be sealed */
int32_t clinux_seal(int32_t file);                                       /* F_ADD_SEALS: it stays as it is */
int32_t clinux_replace(int32_t with, int32_t descriptor);                /* dup3(2), CLOEXEC: closes what was there */
int64_t clinux_sendfile(int32_t socket, int32_t file, int64_t offset, size_t length);
/* The same for threads that do not block SIGPIPE, which sendfile(2) raises and cannot be asked not to. */
int64_t clinux_sendfile_quietly(int32_t socket, int32_t file, int64_t offset, size_t length);
/* 1 where all of it is in the page cache and can be read without waiting (cachestat(2), Linux 6.5; preadv2(2) with RWF_NOWAIT),
   as far as the kernel can tell; 0 where not. */
int32_t clinux_file_is_cached(int32_t file, int64_t offset, int64_t length);
/* Has the kernel read ahead from here on, and waits for nothing (RWF_NOWAIT): from a small window on, which grows by large folios. Who
   begins with much at once begins with the largest window, of single pages: 1 MiB so cost 0.25 ms of a processor instead of 0.16. */
void clinux_file_begin_reading(int32_t file, int64_t offset);

/* Sockets. Kinds: 0 stream. Families are the kernel's AF_ numbers. */
int32_t clinux_socket(int32_t family);                                   /* SOCK_STREAM | NONBLOCK | CLOEXEC */
int32_t clinux_socket_pair(int32_t *a, int32_t *b);                      /* UNIX stream, NONBLOCK | CLOEXEC */
int32_t clinux_record_pair(int32_t type, int32_t ends[2]);               /* UNIX, by SOCK_ number, NONBLOCK | CLOEXEC */
int32_t clinux_udp_pair(int32_t ends[2]);                                /* on 127.0.0.1, connected to each other */
int32_t clinux_bind(int32_t socket, const void *address, uint32_t length);
int32_t clinux_bind_without_port(int32_t socket, const void *address, uint32_t length); /* IP_BIND_ADDRESS_NO_PORT */
int32_t clinux_listen(int32_t socket, int32_t backlog);
int32_t clinux_accept(int32_t listener);                                 /* accept4(NONBLOCK | CLOEXEC) */
int32_t clinux_connect(int32_t socket, const void *address, uint32_t length);
int32_t clinux_shutdown_write(int32_t socket);
int32_t clinux_local_address(int32_t socket, void *address, uint32_t *length);
int32_t clinux_peer_address(int32_t socket, void *address, uint32_t *length);
int64_t clinux_receive(int32_t socket, void *buffer, size_t length);     /* MSG_DONTWAIT */
/* The same; *stopped is 1 where something came along that is not bytes (unix(7)), at which the kernel stops although there may be more. */
int64_t clinux_receive_watchfully(int32_t socket, void *buffer, size_t length, int32_t *stopped);
int64_t clinux_peek(int32_t socket, void *buffer, size_t length);        /* MSG_DONTWAIT | MSG_PEEK */
int64_t clinux_discard(int32_t socket, size_t length);                   /* TCP only: MSG_DONTWAIT | MSG_TRUNC (tcp(7)) */
int64_t clinux_send(int32_t socket, const void *buffer, size_t length);  /* MSG_DONTWAIT | MSG_NOSIGNAL */
/* Records (SOCK_SEQPACKET, SOCK_DGRAM). The first gives the next record's whole length, however much of it fits. */
int64_t clinux_peek_record(int32_t socket, void *buffer, size_t length); /* MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT */
int64_t clinux_drop_record(int32_t socket);                              /* takes it: its length, or -errno */
/* For a socket that gives 0 bytes: 1 where that is an empty record, 0 where it is the end. Only an ancillary message tells them
   apart (SO_PASSCRED, unix(7)). */
int32_t clinux_has_empty_record(int32_t socket);
int64_t clinux_send_more(int32_t socket, const void *buffer, size_t length); /* and MSG_MORE: something follows at once */
int64_t clinux_send_urgent(int32_t socket, uint8_t byte);                /* MSG_OOB */
int32_t clinux_pending_error(int32_t socket);                            /* SO_ERROR, 0 or -errno; clears it */
int32_t clinux_has_hung_up(int32_t socket);                              /* POLLHUP or POLLERR now: 1 or 0 */
int32_t clinux_has_ended_stream(int32_t socket);                         /* as above, or POLLRDHUP */
int32_t clinux_unsent_bytes(int32_t socket);                             /* SIOCOUTQ: sent but not acknowledged too */
int32_t clinux_unread_bytes(int32_t socket);                             /* FIONREAD: received and not yet read */
int32_t clinux_set_low_water(int32_t socket, int32_t bytes);             /* SO_RCVLOWAT; announces what is there already */
int32_t clinux_set_no_delay(int32_t socket);                             /* TCP_NODELAY; pushes what is corked */
int32_t clinux_set_urgent_inline(int32_t socket);                        /* SO_OOBINLINE */
int32_t clinux_set_reuse_address(int32_t socket);
int32_t clinux_set_reuse_port(int32_t socket);
int32_t clinux_set_ipv6_only(int32_t socket);
/* Options that somebody asks for (tcp(7), ip(7), ipv6(7), socket(7)). Names are at most 15 bytes. */
int32_t clinux_set_fast_open(int32_t socket, int32_t queue);             /* TCP_FASTOPEN */
int32_t clinux_set_defer_accept(int32_t socket, int32_t seconds);
int32_t clinux_set_user_timeout(int32_t socket, int32_t milliseconds);
int32_t clinux_set_keepalive(int32_t socket, int32_t idle_seconds, int32_t interval_seconds, int32_t probes);
int32_t clinux_set_congestion_control(int32_t socket, const char *name);
int32_t clinux_bind_to_interface(int32_t socket, const char *name);      /* SO_BINDTODEVICE */
int32_t clinux_set_transparent(int32_t socket);                          /* IP_TRANSPARENT, IPV6_TRANSPARENT */
int32_t clinux_set_mode(const char *path, uint32_t mode);                /* chmod(2) */
int32_t clinux_set_reset_on_close(int32_t socket);                       /* SO_LINGER {1, 0} */
/* What a socket is: its kernel AF_ and SOCK_ numbers, its IPPROTO_, 1 where it listens (SO_DOMAIN, SO_TYPE, SO_PROTOCOL,
   SO_ACCEPTCONN). -ENOTSOCK and -EBADF tell what is none. */
int32_t clinux_socket_domain(int32_t socket);
int32_t clinux_socket_type(int32_t socket);
int32_t clinux_socket_protocol(int32_t socket);
int32_t clinux_socket_listens(int32_t socket);
int32_t clinux_tcp_state(int32_t socket);                                /* as in <net/tcp_states.h>; fails for what speaks no TCP */
int64_t clinux_socket_cookie(int32_t socket);                            /* SO_COOKIE: which socket, whatever its descriptor */
/* Options that a lender gets back as they were: each getter gives 1 or 0. */
int32_t clinux_is_nonblocking(int32_t descriptor);                       /* O_NONBLOCK */
int32_t clinux_set_nonblocking(int32_t descriptor, int32_t on);
int32_t clinux_is_no_delay(int32_t socket);
int32_t clinux_unset_no_delay(int32_t socket);
int32_t clinux_is_corked(int32_t socket);                                /* TCP_CORK */
int32_t clinux_set_corked(int32_t socket, int32_t on);
int32_t clinux_is_urgent_inline(int32_t socket);
int32_t clinux_unset_urgent_inline(int32_t socket);
int32_t clinux_unlink(const char *path);
int32_t clinux_reset(int32_t socket);                                    /* RST now: connect(2) to AF_UNSPEC */
int32_t clinux_duplicate(int32_t descriptor);                            /* F_DUPFD_CLOEXEC */
int32_t clinux_close(int32_t descriptor);

/* epoll(7), edge triggered. */
typedef struct {
    uint32_t events;
    int32_t descriptor;
} clinux_epoll_event;

extern const uint32_t clinux_epoll_in, clinux_epoll_out, clinux_epoll_read_hangup, clinux_epoll_hangup,
    clinux_epoll_error, clinux_epoll_urgent;
int32_t clinux_epoll_create(void);
int32_t clinux_epoll_add(int32_t epoll, int32_t descriptor, uint32_t events);        /* EPOLLET is added */
int32_t clinux_epoll_add_level(int32_t epoll, int32_t descriptor, uint32_t events);  /* EPOLLEXCLUSIVE, level */
int32_t clinux_epoll_remove(int32_t epoll, int32_t descriptor);
/* Fills at most `capacity` events; a negative time waits without end. */
int32_t clinux_epoll_wait(int32_t epoll, clinux_epoll_event *events, int32_t capacity, int64_t nanoseconds);

/* eventfd(2): one wake-up bell. */
int32_t clinux_event(void);                                              /* EFD_NONBLOCK | EFD_CLOEXEC */
int32_t clinux_event_ring(int32_t event);
int64_t clinux_event_clear(int32_t event);                               /* how often it rang, or -EAGAIN */

/* Files that lines are written to. */
int32_t clinux_open_for_lines(const char *path);                         /* O_APPEND | O_CREAT, mode 0640 */
int32_t clinux_open_fifo(const char *path);                              /* O_RDWR: needs no reader */
int32_t clinux_kind_at(const char *path);                                /* stat(2): type bits of st_mode >> 12 */
int32_t clinux_kind(int32_t descriptor);                                 /* fstat(2), as above */
int64_t clinux_write(int32_t descriptor, const void *buffer, size_t length);
int32_t clinux_datagram_socket(void);                                    /* UNIX, NONBLOCK | CLOEXEC */
/* Waits until `sink` takes bytes or `bell` rings: bit 0 and bit 1, 0 when the time ran out. A negative `sink` is not
   looked at; a negative time waits without end. */
int32_t clinux_wait_for_room(int32_t sink, int32_t bell, int32_t milliseconds);

/* Threads, signals, limits, time. */
int64_t clinux_monotonic_nanoseconds(void);
int64_t clinux_wall_milliseconds(void);                                  /* CLOCK_REALTIME since 1970 */
int64_t clinux_process_processor_nanoseconds(void);                      /* getrusage(RUSAGE_SELF): user and system */
int64_t clinux_thread_processor_nanoseconds(void);                       /* CLOCK_THREAD_CPUTIME_ID */
int32_t clinux_pin_to_processor(int32_t processor);                      /* the calling thread */
int32_t clinux_allowed_processors(int32_t *list, int32_t capacity);      /* how many; fills the list */
int32_t clinux_name_thread(const char *name);
int32_t clinux_process_number(void);                                     /* getpid(2) */
int32_t clinux_thread_number(void);                                      /* gettid(2) */
int32_t clinux_signal_thread(int32_t thread, int32_t signal);            /* tgkill(2): of this process */
void clinux_set_errno(int32_t code);                                     /* of the calling thread */
int32_t clinux_ignore_broken_pipe_signal(void);
int32_t clinux_block_all_signals(void);                                  /* for the calling thread */
int32_t clinux_ignore_file_size_signal(void);                            /* SIGXFSZ: write(2) says EFBIG instead */
int32_t clinux_block_signals(const int32_t *signals, int32_t count);     /* for all threads made afterwards */
/* The next blocked signal of the list, 0 when the time ran out. */
int32_t clinux_wait_signal(const int32_t *signals, int32_t count, int64_t nanoseconds);
int32_t clinux_limit_descriptors(uint64_t *soft, uint64_t *hard);
int32_t clinux_raise_descriptors(uint64_t soft);
int32_t clinux_limit_locked_memory(uint64_t *soft, uint64_t *hard);
int32_t clinux_has_capability(int32_t capability);                       /* 1, 0 or -errno */

/* Addresses, as struct sockaddr_storage (128 bytes, zeroed by the caller). Each gives the address's length, or -EINVAL. */
int32_t clinux_address_from_text(const char *host, uint16_t port, void *address);
int32_t clinux_address_from_path(const char *path, void *address);
/* A name of 1 to 107 bytes without a file (unix(7)). */
int32_t clinux_address_from_abstract_name(const void *name, size_t length, void *address);
/* The host part without brackets; gives the text's length. */
int32_t clinux_address_to_text(const void *address, void *text, size_t capacity);
/* Looks a name up (getaddrinfo(3), TCP). Fills at most `capacity` addresses of 128 bytes each and their lengths; gives
   how many, or the negative EAI_ code, for which clinux_lookup_text has the sentence. */
int32_t clinux_lookup(const char *host, uint16_t port, void *addresses, uint32_t *lengths, int32_t capacity);
const char *clinux_lookup_text(int32_t code);
/* Asks the system's name servers (resolver(3)): those of /etc/resolv.conf as it is now, with its search list and times, and by TCP
   what UDP has cut short. Gives the length of their answer as it came (RFC 1035), for the question that stands in it; or -ENOENT
   for no such name, -ENODATA for no record of that type, -EPROTO where they take the question for wrong, -EAGAIN where none
   has answered usefully. */
int32_t clinux_ask_name(const char *name, int32_t type, void *answer, size_t capacity);

/* Memory that is zero and not touched before it is used; NULL where there is none. */
void *clinux_zeroed(size_t count, size_t stride);
void clinux_free(void *memory);

/* A joinable thread that blocks no more signals than its maker; *thread is for clinux_thread_join. */
int32_t clinux_thread_start(uint64_t *thread, void (*entry)(void *), void *context);
int32_t clinux_thread_join(uint64_t thread);
int32_t clinux_thread_detach(uint64_t thread); /* ends by itself; not to be joined */

/* A mutex (pthread_mutex_lock(3)); NULL where there is no memory. */
void *clinux_mutex(void);
void clinux_mutex_lock(void *mutex);
void clinux_mutex_unlock(void *mutex);
void clinux_mutex_free(void *mutex);

/* A counting semaphore (sem_overview(7)), starting at 0; never freed while a thread may use it. */
void *clinux_semaphore(void);
void clinux_semaphore_post(void *semaphore);
void clinux_semaphore_wait(void *semaphore);
int32_t clinux_semaphore_wait_for(void *semaphore, int64_t nanoseconds); /* 1, or 0 when the time ran out */
void clinux_semaphore_free(void *semaphore);

/* Starts a program in a process group of its own, with no signal blocked and its standard error going to a descriptor. It gets
   SIGTERM when the calling thread ends. `arguments` ends with NULL. Gives its number; a program that cannot be started ends with
   127. */
int32_t clinux_spawn(const char *path, char *const arguments[], int32_t standard_error);
int32_t clinux_signal_process(int32_t process, int32_t signal);
/* 1 when the child has ended (it is reaped), 0 while it runs. */
int32_t clinux_has_ended(int32_t process);

/* errno's symbol ("ECONNREFUSED") and its sentence; never NULL. */
const char *clinux_error_name(int32_t code);
const char *clinux_error_text(int32_t code);

/* Words shared between one writer and its readers: relaxed order, no lost or torn value. */
static inline void clinux_publish(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint64_t clinux_look(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* As publish and look, and what was written before the one is seen after the other: for a queue between two threads. */
static inline void clinux_hand_over(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline uint64_t clinux_take_over(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Between saying something and looking at what the other thread says: of two threads that do so, one sees the other. */
static inline void clinux_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* Sets a word and gives what was there, as one step. */
static inline uint64_t clinux_exchange(uint64_t *word, uint64_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
}

/* A lock for a few tens of nanoseconds; 0 is open. */
void clinux_lock_slowly(uint32_t *lock);

static inline void clinux_lock(uint32_t *lock)
{
    if (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0)
        clinux_lock_slowly(lock);
}

static inline void clinux_unlock(uint32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

/* A word with several writers. */
static inline int64_t clinux_count(const int64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void clinux_set(int64_t *word, int64_t value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }

/* Adds to a word with several writers and gives the new value. */
static inline int64_t clinux_add(int64_t *word, int64_t amount)
{
    return __atomic_add_fetch(word, amount, __ATOMIC_RELAXED);
}

/* Adds one where that makes it no more than `bound`; 0 where it would. */
static inline int32_t clinux_add_within(int64_t *word, int64_t bound)
{
    int64_t value = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (value < bound)
        if (__atomic_compare_exchange_n(word, &value, value + 1, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return 1;
    return 0;
}

#endif
