/* The load: connections with keep-alive, each of which asks for one file after the other and throws away what it gets.
 *
 *     client HOST PORT CLIENTS SECONDS FILES SIZE REQUESTS
 *
 * The files are /f0 to /f<FILES - 1>, all of SIZE bytes, asked for in turn by whoever is free. The load is over after SECONDS, or when
 * so many REQUESTS have been answered, 0 for no such bound. Bodies are discarded in the kernel (MSG_TRUNC, tcp(7)). Lengths and
 * statuses are held against what was asked for; JSON tells the outcome. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 4096, HEAD_MAX = 4096, BUFFER = 8192 };

static struct connection {
    int socket;
    int is_waiting; /* for an answer's header */
    size_t head_length;
    int64_t left; /* of the body */
    char head[HEAD_MAX + 1];
} connections[CLIENTS_MAX];

static int64_t size, files, asked, asked_max, requests, bytes, wrong_statuses, wrong_lengths, lost;
static int busy;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void lose(struct connection *connection)
{
    lost++;
    busy--;
    close(connection->socket);
    connection->socket = -1;
}

static void ask(struct connection *connection)
{
    char request[128];
    if (asked_max && asked == asked_max) {
        busy--;
        close(connection->socket);
        connection->socket = -1;
        return;
    }
    int count = snprintf(request, sizeof request, "GET /f%lld HTTP/1.1\r\nHost: x\r\n\r\n", (long long)(asked++ % files));
    connection->is_waiting = 1;
    connection->head_length = 0;
    if (send(connection->socket, request, (size_t)count, MSG_NOSIGNAL) != count)
        lose(connection);
}

/* Reads the header; what came behind it belongs to the body. 0 where the answer cannot be followed any further. */
static int read_head(struct connection *connection, const char *got, size_t count)
{
    size_t room = HEAD_MAX - connection->head_length, taken = count < room ? count : room;
    memcpy(connection->head + connection->head_length, got, taken);
    connection->head_length += taken;
    connection->head[connection->head_length] = 0;
    char *end = strstr(connection->head, "\r\n\r\n");
    if (!end)
        return connection->head_length < HEAD_MAX;
    char *length = strcasestr(connection->head, "\r\nContent-Length:");
    int64_t told = length ? atoll(length + 17) : -1;
    if (strncmp(connection->head, "HTTP/1.1 200 ", 13)) {
        wrong_statuses++;
        return 0;
    }
    int64_t body = (int64_t)(connection->head_length - (size_t)(end + 4 - connection->head) + count - taken);
    if (told != size || body > size) {
        wrong_lengths++;
        return 0;
    }
    connection->is_waiting = 0;
    connection->left = size - body;
    bytes += body;
    return 1;
}

static void receive(struct connection *connection)
{
    static char buffer[BUFFER];
    while (connection->socket >= 0) {
        int is_body = !connection->is_waiting;
        /* Beyond the body there may be nothing, as only one request is under way: one byte more shows it. */
        size_t wanted = is_body ? (size_t)connection->left + 1 : BUFFER;
        ssize_t got = recv(connection->socket, buffer, wanted, MSG_DONTWAIT | (is_body ? MSG_TRUNC : 0));
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            return lose(connection);
        if (is_body) {
            if (got > connection->left) {
                wrong_lengths++;
                return lose(connection);
            }
            connection->left -= got;
            bytes += got;
        } else if (!read_head(connection, buffer, (size_t)got)) {
            return lose(connection);
        }
        if (!connection->is_waiting && connection->left == 0) {
            requests++;
            ask(connection);
            return;
        }
    }
}

int main(int count, char **arguments)
{
    if (count != 8)
        return 64;
    struct sockaddr_in far = { .sin_family = AF_INET };
    inet_pton(AF_INET, arguments[1], &far.sin_addr);
    far.sin_port = htons((uint16_t)atoi(arguments[2]));
    int clients = atoi(arguments[3]), poller = epoll_create1(0);
    double seconds = atof(arguments[4]);
    files = atoll(arguments[5]);
    size = atoll(arguments[6]);
    asked_max = atoll(arguments[7]);
    if (clients < 1 || clients > CLIENTS_MAX || files < 1)
        return 64;

    for (int i = 0; i < clients; i++) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = &connections[i] };
        connections[i].socket = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(connections[i].socket, (struct sockaddr *)&far, sizeof far) < 0 ||
            epoll_ctl(poller, EPOLL_CTL_ADD, connections[i].socket, &event) < 0) {
            perror("client");
            return 1;
        }
    }
    busy = clients;
    double start = now(), end = start + seconds;
    for (int i = 0; i < clients; i++)
        ask(&connections[i]);
    while (busy > 0 && now() < end) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, 100);
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double processor = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"seconds\": %.6f, \"requests\": %lld, \"bytes\": %lld, \"wrong_statuses\": %lld, \"wrong_lengths\": %lld, "
           "\"lost\": %lld, \"unfinished\": %d, \"processor_seconds\": %.6f}\n",
           now() - start, (long long)requests, (long long)bytes, (long long)wrong_statuses, (long long)wrong_lengths,
           (long long)lost, busy, processor);
    return 0;
}
