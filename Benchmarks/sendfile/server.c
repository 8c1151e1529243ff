/* The yardstick: sendfile(2) and epoll(7) on one thread, the subset of HTTP that file-server speaks, and nothing else.
 *
 *     server PORT DIRECTORY
 *
 * Every plain file of the directory is opened when the server starts. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 8192, SOCKETS_MAX = 16384, HEAD_MAX = 2048, AT_ONCE = 2 << 20 };

static struct file {
    char name[64];
    int descriptor;
    off_t size;
} files[FILES_MAX];
static int file_count;

static struct client {
    char head[HEAD_MAX];
    size_t length;
    const struct file *file; /* being sent, NULL while a request is read */
    off_t at;
} *clients[SOCKETS_MAX];

static int by_name(const void *a, const void *b) { return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name); }

static void open_files(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory || chdir(path) < 0)
        exit(1);
    for (struct dirent *entry; (entry = readdir(directory)) && file_count < FILES_MAX;) {
        struct stat status;
        struct file *file = &files[file_count];
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof file->name)
            continue;
        if ((file->descriptor = open(entry->d_name, O_RDONLY | O_CLOEXEC)) < 0 || fstat(file->descriptor, &status) < 0)
            exit(1);
        strcpy(file->name, entry->d_name);
        file->size = status.st_size;
        file_count++;
    }
    qsort(files, (size_t)file_count, sizeof *files, by_name);
}

/* Everything that can be done now. 0 where the connection is over. */
static int serve(int socket, struct client *client)
{
    for (;;) {
        if (!client->file) {
            char *end = memmem(client->head, client->length, "\r\n\r\n", 4);
            if (!end) {
                ssize_t got = recv(socket, client->head + client->length, HEAD_MAX - client->length, MSG_DONTWAIT);
                if (got <= 0)
                    return got < 0 && errno == EAGAIN;
                client->length += (size_t)got;
                continue;
            }
            struct file wanted;
            char header[512];
            const int on = 1;
            *end = 0;
            if (sscanf(client->head, "GET /%63s HTTP/1.1", wanted.name) != 1 ||
                !(client->file = bsearch(&wanted, files, (size_t)file_count, sizeof *files, by_name)))
                return 0;
            client->length -= (size_t)(end + 4 - client->head);
            memmove(client->head, end + 4, client->length);
            client->at = 0;
            /* As many bytes as the others say before a file, or segments end elsewhere. */
            int count = snprintf(header, sizeof header,
                                 "HTTP/1.1 200 OK\r\nServer: yardstick\r\nContent-Type: application/octet-stream\r\n"
                                 "Content-Length: %lld\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                                 "Connection: keep-alive\r\nETag: \"0123456789abcdef\"\r\nAccept-Ranges: none\r\n\r\n",
                                 (long long)client->file->size);
            /* Nothing but full segments until the file is sent. A header always fits: everything before it has been read. */
            setsockopt(socket, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
            if (send(socket, header, (size_t)count, 0) != count)
                return 0;
        }
        while (client->at < client->file->size) {
            ssize_t sent = sendfile(socket, client->file->descriptor, &client->at, AT_ONCE);
            if (sent <= 0)
                return sent < 0 && errno == EAGAIN;
        }
        client->file = NULL;
        const int off = 0;
        setsockopt(socket, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    }
}

int main(int count, char **arguments)
{
    struct sockaddr_in near = { .sin_family = AF_INET };
    int listener = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0), yes = 1;

    if (count != 3)
        return 64;
    signal(SIGPIPE, SIG_IGN);
    near.sin_port = htons((uint16_t)atoi(arguments[1]));
    open_files(arguments[2]);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
    if (bind(listener, (struct sockaddr *)&near, sizeof near) < 0 || listen(listener, 1024) < 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) {
        perror("server");
        return 1;
    }
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            int socket = events[i].data.fd;
            if (socket == listener) {
                if ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
                    continue;
                event = (struct epoll_event){ .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = socket };
                if (socket >= SOCKETS_MAX || !(clients[socket] = calloc(1, sizeof *clients[0])) ||
                    epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event) < 0)
                    return 1;
            } else if (!serve(socket, clients[socket])) {
                free(clients[socket]);
                close(socket);
            }
        }
    }
}
