/* What a C program gets of longsplice_sendfile. Says what fails and where, and exits 1; says nothing else. */
#include <longsplice.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s (errno %d, %s)\n", __FILE__, __LINE__, #condition, errno, strerror(errno)); \
            exit(1); \
        } \
    } while (0)

#define REFUSED(code, call) CHECK((errno = 0, call) == -1 && errno == (code))
#define ALL LONGSPLICE_NO_LIMIT

/* Sends into `near`; `far` reads. */
static int file, near, far;

static void open_pair(void)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    near = ends[0];
    far = ends[1];
}

static void close_pair(void)
{
    close(near);
    close(far);
}

static void open_file(const char *text)
{
    char path[] = "/tmp/sendfile-XXXXXX";
    CHECK((file = mkstemp(path)) >= 0 && unlink(path) == 0);
    CHECK(write(file, text, strlen(text)) == (ssize_t)strlen(text));
}

/* This and nothing more. */
static void expect(const char *text)
{
    char buffer[64];
    size_t length = strlen(text);
    CHECK(length <= sizeof buffer && (length == 0 || recv(far, buffer, length, MSG_WAITALL) == (ssize_t)length));
    CHECK(memcmp(buffer, text, length) == 0);
    CHECK(recv(far, buffer, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

static void sends_all_and_parts(void)
{
    uint64_t sent = 42;

    open_pair();
    CHECK(longsplice_sendfile(file, near, 0, ALL, NULL, &sent, 0) == 0 && sent == 10);
    expect("0123456789");
    CHECK(longsplice_sendfile(file, near, 3, 4, NULL, &sent, 0) == 0 && sent == 4);
    expect("3456");
    CHECK(longsplice_sendfile(file, near, 8, 100, NULL, NULL, 0) == 0);
    expect("89");
    CHECK(longsplice_sendfile(file, near, 10, ALL, NULL, &sent, 0) == 0 && sent == 0);
    CHECK(longsplice_sendfile(file, near, 0, 0, NULL, &sent, 0) == 0 && sent == 0);
    expect("");
    CHECK(lseek(file, 0, SEEK_CUR) == 10);
    CHECK((fcntl(near, F_GETFL) & O_NONBLOCK) == 0);
    close_pair();
}

static void frames_the_file(void)
{
    const struct longsplice_part headers[] = { { "he", 2 }, { NULL, 0 }, { "ad ", 3 } };
    const struct longsplice_part trailers[] = { { " tail", 5 } };
    const struct longsplice_hdtr both = { headers, 3, trailers, 1 }, one = { NULL, 0, trailers, 1 };
    uint64_t sent;

    open_pair();
    CHECK(longsplice_sendfile(file, near, 5, 2, &both, &sent, 0) == 0 && sent == 12);
    expect("head 56 tail");
    CHECK(longsplice_sendfile(file, near, 0, 0, &one, &sent, 0) == 0 && sent == 5);
    expect(" tail");
    close_pair();
}

/* SIGPIPE would end this program. */
static void tells_how_far_it_came(void)
{
    uint64_t sent = 42;

    open_pair();
    close(far);
    CHECK(longsplice_sendfile(file, near, 0, ALL, NULL, &sent, 0) == -1 && (errno == EPIPE || errno == ECONNRESET));
    CHECK(sent == 0);
    close(near);
}

static void refuses(void)
{
    const struct longsplice_part nothing = { NULL, 1 };
    const struct longsplice_hdtr wrong = { &nothing, 1, NULL, 0 }, missing = { NULL, 1, NULL, 0 };
    int records[2], alone = socket(AF_INET, SOCK_STREAM, 0), device = open("/dev/null", O_RDONLY);
    uint64_t sent = 42;

    open_pair();
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, records) == 0);
    REFUSED(EBADF, longsplice_sendfile(-1, near, 0, ALL, NULL, &sent, 0));
    CHECK(sent == 0);
    REFUSED(EBADF, longsplice_sendfile(file, 1 << 20, 0, ALL, NULL, NULL, 0));
    REFUSED(ENOTSOCK, longsplice_sendfile(file, file, 0, ALL, NULL, NULL, 0));
    REFUSED(ENOTCONN, longsplice_sendfile(file, alone, 0, ALL, NULL, NULL, 0));
    REFUSED(ESOCKTNOSUPPORT, longsplice_sendfile(file, records[0], 0, ALL, NULL, NULL, 0));
    REFUSED(EINVAL, longsplice_sendfile(device, near, 0, ALL, NULL, NULL, 0));
    REFUSED(EINVAL, longsplice_sendfile(far, near, 0, ALL, NULL, NULL, 0));
    REFUSED(EINVAL, longsplice_sendfile(file, near, 0, ALL, NULL, NULL, 1));
    REFUSED(EINVAL, longsplice_sendfile(file, near, 0, ALL, &wrong, NULL, 0));
    REFUSED(EINVAL, longsplice_sendfile(file, near, 0, ALL, &missing, NULL, 0));
    expect("");
    close(records[0]);
    close(records[1]);
    close(alone);
    close(device);
    close_pair();
}

int main(void)
{
    alarm(60);
    open_file("0123456789");
    sends_all_and_parts();
    frames_the_file();
    tells_how_far_it_came();
    refuses();
    return 0;
}
