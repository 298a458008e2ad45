/* One kind of memory a run, for the verdicts to tell apart: `memory KIND [FILE]`.
 *
 * Stops twice, before the memory is taken and after: says "ready", having written what the allocator
 * says of itself to allocator.<stop>, and goes on with the next line of standard input. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MB ((size_t)1 << 20)
enum { THREADS = 12, PIECES = 3000, STACKS = 150 };

static const char *file;
static void *pieces[THREADS][PIECES];
static pthread_barrier_t barrier;

static void put(void *to, const char *text) { fputs(text, to); }

static void stop(void)
{
    static int stops;
    char name[32];
    snprintf(name, sizeof name, "allocator.%d", stops++);
    FILE *out = fopen(name, "w");
    void (*stats)(void (*)(void *, const char *), void *, const char *) =
        dlsym(RTLD_DEFAULT, "malloc_stats_print");
    if (stats)
        stats(put, out, "Jmdablxe");
    else
        malloc_info(0, out);
    fclose(out);
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        exit(0);
}

static void touch(char *at, size_t size, size_t step)
{
    for (size_t i = 0; i < size; i += step)
        at[i] = 1;
}

static void *grow(size_t total, size_t piece)
{
    static void *last; /* a list, so that nothing is lost to the compiler */
    for (size_t done = 0; done < total; done += piece) {
        void **at = malloc(piece);
        memset(at, 1, piece);
        *at = last;
        last = at;
    }
    return last;
}

static void *fill(void *mine)
{
    void **here = mine;
    for (int i = 0; i < PIECES; i++) {
        size_t size = 1000 + 97 * (i % 60);
        here[i] = malloc(size);
        memset(here[i], 1, size);
    }
    pthread_barrier_wait(&barrier);
    pause();
    return NULL;
}

/* What THREADS threads took, this one gives back, but for one piece in forty: no arena shrinks. */
static void retain(void)
{
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int t = 0; t < THREADS; t++)
        pthread_create(&thread, NULL, fill, pieces[t]);
    pthread_barrier_wait(&barrier);
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < PIECES; i++)
            if (i % 40)
                free(pieces[t][i]);
}

static void *deep(void *x)
{
    char frame[400 << 10];
    touch(frame, sizeof frame, 4096);
    pthread_barrier_wait(&barrier);
    pause();
    return frame[7] ? x : NULL;
}

static void stacks(void)
{
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, STACKS + 1);
    for (int t = 0; t < STACKS; t++)
        pthread_create(&thread, NULL, deep, NULL);
    pthread_barrier_wait(&barrier);
}

static void anonymous(int advice, size_t step)
{
    char *at = mmap(NULL, 128 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (advice)
        madvise(at, 128 * MB, advice);
    touch(at, 128 * MB, step);
}

static void map(int fd, int protection)
{
    ftruncate(fd, 96 * MB);
    volatile char *at = mmap(NULL, 96 * MB, protection, MAP_SHARED, fd, 0);
    for (size_t i = 0; i < 96 * MB; i += 4096)
        if (protection & PROT_WRITE)
            at[i] = 1;
        else
            (void)at[i];
}

static void read_through(void)
{
    static char buffer[1 << 20];
    int fd = open(file, O_RDONLY);
    while (read(fd, buffer, sizeof buffer) > 0)
        continue;
}

static void work(const char *kind)
{
    if (!strcmp(kind, "leak"))
        grow(96 * MB, 3000);
    else if (!strcmp(kind, "blocks")) /* above the mmap threshold: mappings of their own */
        grow(96 * MB, 300000);
    else if (!strcmp(kind, "retain"))
        retain();
    else if (!strcmp(kind, "stacks"))
        stacks();
    else if (!strcmp(kind, "anonymous"))
        anonymous(0, 4096);
    else if (!strcmp(kind, "huge")) /* one byte in each huge page */
        anonymous(MADV_HUGEPAGE, 2 * MB);
    else if (!strcmp(kind, "mapped"))
        map(open(file, O_RDWR | O_CREAT, 0600), PROT_READ);
    else if (!strcmp(kind, "shared"))
        map(shm_open("/memops-verdict", O_RDWR | O_CREAT, 0600), PROT_READ | PROT_WRITE);
    else if (!strcmp(kind, "cache"))
        read_through();
}

int main(int argc, char **argv)
{
    file = argc > 2 ? argv[2] : "";
    grow(24 * MB, 3000); /* what a healthy process holds anyway */
    stop();
    work(argc > 1 ? argv[1] : "steady");
    stop();
    shm_unlink("/memops-verdict");
    return 0;
}
