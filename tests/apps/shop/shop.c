/* The leaking shop in C, for hosts without a JDK: the same endpoints, rate and sizes as Shop.java.
 *
 * GET /health, /leaked (bytes leaked so far by its own account), /rate/N (requests a second) and
 * /leak/N (every N-th request leaks; 0: none); environment SHOP_PORT, SHOP_REQUESTS, SHOP_LEAK_EVERY, SHOP_LEAK_MIB. Every leak is what one unended zlib inflater holds:
 * a z_stream (112 bytes), an inflate_state (7,160) and a window (32,768).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Names must survive -O2: a profile is read by them. */
#define NAMED __attribute__((noinline, noclone))

enum { STREAM = 112, STATE = 7160, WINDOW = 32768, EACH = STREAM + STATE + WINDOW };

struct inflater {
    struct inflater *next;
    void *state, *window;
    char rest[STREAM - 3 * sizeof(void *)];
};

static struct inflater *kept;
static atomic_long leaked_bytes;
static atomic_int rate, leak_every;

static long setting(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value && *value ? atol(value) : otherwise;
}

/* The bug: an inflater that is kept for a next request which never takes it. */
NAMED void leak_template(void) {
    struct inflater *one = calloc(1, sizeof *one);
    one->state = malloc(STATE);
    one->window = malloc(WINDOW);
    memset(one->state, 1, STATE);
    memset(one->window, 1, WINDOW);
    one->next = kept;
    kept = one;
    atomic_fetch_add(&leaked_bytes, EACH);
}

NAMED void render_template(void) {
    char *state = malloc(STATE), *window = malloc(WINDOW);
    memset(state, 1, STATE);
    memset(window, 1, WINDOW);
    free(window);
    free(state);
}

NAMED void serve_request(long number, long limit) {
    int every = atomic_load(&leak_every);
    if (every > 0 && number % every == 0 && atomic_load(&leaked_bytes) < limit)
        leak_template();
    else
        render_template();
}

static void pause_for(long milliseconds) {
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static void *requests(void *unused) {
    long limit = setting("SHOP_LEAK_MIB", 256) << 20;
    (void)unused;
    for (long number = 1;; number++) {
        int now;
        serve_request(number, limit);
        while ((now = atomic_load(&rate)) <= 0)
            pause_for(50);
        pause_for(now > 1000 ? 1 : 1000 / now);
    }
    return NULL;
}

static void answer(int client) {
    char request[1024], body[64] = "", reply[256];
    ssize_t n = read(client, request, sizeof request - 1);
    const char *status = "200 OK";
    request[n > 0 ? n : 0] = 0;
    if (!strncmp(request, "GET /health", 11))
        strcpy(body, "ok\n");
    else if (!strncmp(request, "GET /leaked", 11))
        snprintf(body, sizeof body, "%ld\n", atomic_load(&leaked_bytes));
    else if (!strncmp(request, "GET /rate/", 10)) {
        atomic_store(&rate, atoi(request + 10));
        snprintf(body, sizeof body, "%d\n", atomic_load(&rate));
    } else if (!strncmp(request, "GET /leak/", 10)) {
        atomic_store(&leak_every, atoi(request + 10));
        snprintf(body, sizeof body, "%d\n", atomic_load(&leak_every));
    } else
        status = "404 Not Found";
    n = snprintf(reply, sizeof reply, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                 status, strlen(body), body);
    if (write(client, reply, (size_t)n) != n)
        perror("shop: write");
    close(client);
}

int main(void) {
    int port = (int)setting("SHOP_PORT", 8080), on = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    pthread_t worker;
    signal(SIGPIPE, SIG_IGN);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server, (struct sockaddr *)&here, sizeof here) || listen(server, 16)) {
        perror("shop: port");
        return 1;
    }
    atomic_store(&rate, (int)setting("SHOP_REQUESTS", 250));
    atomic_store(&leak_every, (int)setting("SHOP_LEAK_EVERY", 2));
    if (pthread_create(&worker, NULL, requests, NULL))
        return 1;
    printf("shop: ready on port %d\n", port);
    fflush(stdout);
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client >= 0)
            answer(client);
    }
}
