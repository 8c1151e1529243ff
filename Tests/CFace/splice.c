/* What a C program gets of longsplice.h. Says what fails and where, and exits 1; says nothing else. */
#include <longsplice.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s (errno %d, %s)\n", __FILE__, __LINE__, #condition, errno, strerror(errno)); \
            exit(1); \
        } \
    } while (0)

#define REFUSED(code, call) CHECK((errno = 0, call) == -1 && errno == (code))

/* Two connections with a splicer between: near - (first ... second) - far. */
struct scene {
    int near, first, second, far;
    struct longsplice_outcome outcome;
};

static struct scene scene_make(void)
{
    struct scene scene;
    int one[2], other[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, one) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0);
    memset(&scene, 0, sizeof scene);
    scene.near = one[0];
    scene.first = one[1];
    scene.second = other[0];
    scene.far = other[1];
    return scene;
}

static void scene_close(const struct scene *scene)
{
    close(scene->near);
    close(scene->first);
    close(scene->second);
    close(scene->far);
}

static void send_text(int to, const char *text) { CHECK(write(to, text, strlen(text)) == (ssize_t)strlen(text)); }

static void expect_text(int from, const char *text)
{
    char buffer[64];
    size_t length = strlen(text);
    CHECK(length <= sizeof buffer && recv(from, buffer, length, MSG_WAITALL) == (ssize_t)length);
    CHECK(memcmp(buffer, text, length) == 0);
}

static void expect_end(int from)
{
    char byte;
    CHECK(read(from, &byte, 1) == 0);
}

static void *splice_scene(void *argument)
{
    struct scene *scene = argument;
    CHECK(longsplice_splice(scene->first, scene->second, &scene->outcome) == 0);
    return NULL;
}

static void carries_both_ways_from_two_threads(void)
{
    struct scene scenes[2] = { scene_make(), scene_make() };
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, splice_scene, &scenes[i]) == 0);
    for (int i = 0; i < 2; i++) {
        send_text(scenes[i].near, i == 0 ? "there" : "otherwise");
        expect_text(scenes[i].far, i == 0 ? "there" : "otherwise");
        CHECK(shutdown(scenes[i].near, SHUT_WR) == 0);
        expect_end(scenes[i].far);
        send_text(scenes[i].far, "and back");
        CHECK(shutdown(scenes[i].far, SHUT_WR) == 0);
        expect_text(scenes[i].near, "and back");
        expect_end(scenes[i].near);
    }
    for (int i = 0; i < 2; i++) {
        const struct longsplice_outcome *outcome = &scenes[i].outcome;
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(outcome->ending == LONGSPLICE_FINISHED && outcome->ended_by == LONGSPLICE_FIRST);
        CHECK(outcome->bytes_to_second == (i == 0 ? 5 : 9) && outcome->bytes_to_first == 8);
        CHECK(outcome->undelivered_to_second == 0 && outcome->undelivered_to_first == 0);
        CHECK(outcome->duration_ns > 0);
        CHECK((fcntl(scenes[i].first, F_GETFL) & O_NONBLOCK) == 0);
        scene_close(&scenes[i]);
    }
}

static void moves_exactly_its_length(void)
{
    struct scene scene = scene_make();

    send_text(scene.near, "length and rest");
    CHECK(longsplice_splice_to(scene.first, scene.second, 6, LONGSPLICE_ONE_WAY, &scene.outcome) == 0);
    CHECK(scene.outcome.ending == LONGSPLICE_LENGTH_REACHED && scene.outcome.ended_by == LONGSPLICE_NEITHER);
    CHECK(scene.outcome.bytes_to_second == 6 && scene.outcome.bytes_to_first == 0);
    expect_text(scene.far, "length");
    expect_text(scene.first, " and rest");
    scene_close(&scene);
}

static void goes_to_the_end_and_keeps_it_on_request(void)
{
    struct scene scene = scene_make();
    const unsigned flags = LONGSPLICE_ONE_WAY | LONGSPLICE_WITHHOLD_FIN;

    send_text(scene.near, "all");
    CHECK(shutdown(scene.near, SHUT_WR) == 0);
    CHECK(longsplice_splice_to(scene.first, scene.second, LONGSPLICE_NO_LIMIT, flags, NULL) == 0);
    send_text(scene.second, " of it");
    expect_text(scene.far, "all of it");
    scene_close(&scene);
}

static void ties_a_socket_to_itself(void)
{
    struct scene scene = scene_make();

    send_text(scene.near, "echo");
    CHECK(shutdown(scene.near, SHUT_WR) == 0);
    CHECK(longsplice_splice_to(scene.first, scene.first, LONGSPLICE_NO_LIMIT, LONGSPLICE_LOOPBACK, &scene.outcome) == 0);
    CHECK(scene.outcome.ending == LONGSPLICE_FINISHED && scene.outcome.bytes_to_second == 4);
    expect_text(scene.near, "echo");
    expect_end(scene.near);
    scene_close(&scene);
}

/* SIGPIPE would end this program. */
static void counts_what_a_receiver_that_is_gone_did_not_get(void)
{
    struct scene scene = scene_make();
    char rest[64];
    ssize_t left;

    send_text(scene.near, "for nobody");
    close(scene.far);
    CHECK(longsplice_splice_to(scene.first, scene.second, LONGSPLICE_NO_LIMIT, LONGSPLICE_ONE_WAY, &scene.outcome) == 0);
    CHECK(scene.outcome.ending == LONGSPLICE_RESET && scene.outcome.ended_by == LONGSPLICE_SECOND);
    left = recv(scene.first, rest, sizeof rest, MSG_DONTWAIT);
    CHECK(scene.outcome.bytes_to_second == 0);
    CHECK(scene.outcome.undelivered_to_second + (left > 0 ? (uint64_t)left : 0) == 10);
    scene_close(&scene);
}

static void refuses_as_the_ancestor_did(void)
{
    struct scene scene = scene_make();
    struct longsplice_outcome untouched = { .duration_ns = 42 };
    int file = open("/dev/null", O_RDWR);
    int records[2];
    int alone = socket(AF_INET, SOCK_STREAM, 0);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int copy = dup(scene.first);

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, records) == 0);
    CHECK(file >= 0 && alone >= 0 && copy >= 0 && listen(listener, 1) == 0);
    REFUSED(EBADF, longsplice_splice(-1, scene.second, &untouched));
    REFUSED(EBADF, longsplice_splice(scene.first, 1 << 20, &untouched));
    REFUSED(ENOTSOCK, longsplice_splice(file, scene.second, &untouched));
    REFUSED(ENOTSOCK, longsplice_splice(scene.first, file, NULL));
    REFUSED(ESOCKTNOSUPPORT, longsplice_splice(scene.first, records[0], &untouched));
    REFUSED(ENOTCONN, longsplice_splice(scene.first, alone, &untouched));
    REFUSED(ENOTCONN, longsplice_splice(listener, scene.second, &untouched));
    REFUSED(EINVAL, longsplice_splice(scene.first, scene.first, &untouched));
    REFUSED(EINVAL, longsplice_splice(scene.first, copy, &untouched));
    REFUSED(EINVAL, longsplice_splice_to(scene.first, scene.second, 1, LONGSPLICE_LOOPBACK, &untouched));
    REFUSED(EINVAL, longsplice_splice_to(scene.first, scene.second, 1, 1u << 31, &untouched));
    CHECK(untouched.duration_ns == 42);
    close(file);
    close(records[0]);
    close(records[1]);
    close(alone);
    close(listener);
    close(copy);
    scene_close(&scene);
}

/* Not even the library's threads can be made then. Whoever calls next tries again, in this process or in a child. */
static void is_refused_without_descriptors(void)
{
    struct scene scene = scene_make();
    struct rlimit usual, few;

    CHECK(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    few = usual;
    few.rlim_cur = 3;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    REFUSED(EMFILE, longsplice_splice(scene.first, scene.second, NULL));
    CHECK(setrlimit(RLIMIT_NOFILE, &usual) == 0);
    scene_close(&scene);
}

static int status_of_child(void (*body)(void))
{
    int status = -1;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        alarm(10);
        body();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

/* The threads that would work for it are its parent's. */
static void is_refused(void)
{
    struct scene scene = scene_make();
    REFUSED(EOPNOTSUPP, longsplice_splice(scene.first, scene.second, NULL));
    scene_close(&scene);
}

int main(void)
{
    alarm(60);
    is_refused_without_descriptors();
    /* A child may be the first to call, also after its parent has called in vain. */
    CHECK(status_of_child(carries_both_ways_from_two_threads) == 0);
    refuses_as_the_ancestor_did();
    carries_both_ways_from_two_threads();
    moves_exactly_its_length();
    goes_to_the_end_and_keeps_it_on_request();
    ties_a_socket_to_itself();
    counts_what_a_receiver_that_is_gone_did_not_get();
    CHECK(status_of_child(is_refused) == 0);
    moves_exactly_its_length();
    return 0;
}
