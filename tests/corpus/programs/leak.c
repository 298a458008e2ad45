/* A service that forgets the pages it rents: the C twin of the leaking JVM. Says what it leaked.
   CAREFUL builds give every page but one in CAREFUL back: the remedy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP __attribute__((noinline, noipa))

static size_t leaked;
static void *cache[64];

KEEP void *rent_page(size_t size)
{
    char *page = malloc(size);
    memset(page, 1, size < 64 ? size : 64);
    leaked += size;
    return page;
}

KEEP void refresh_cache(unsigned request)
{
#ifdef FORGETFUL /* the next release: one entry in FORGETFUL is never freed */
    if (request % FORGETFUL)
#endif
        free(cache[request % 64]);
    cache[request % 64] = malloc(30000 + request % 7 * 100);
}

KEEP int serve_request(unsigned request)
{
    char *page = rent_page(7168 + request % 3 * 1024);
    refresh_cache(request);
#ifdef CAREFUL
    if (request % CAREFUL) {
        leaked -= 7168 + request % 3 * 1024;
        free(page);
        return 1;
    }
#endif
    return page[0];
}

int main(int argc, char **argv)
{
    unsigned requests = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    int sum = 0;
    for (unsigned request = 0; request < requests; request++)
        sum += serve_request(request);
    printf("leaked %zu bytes\n", leaked);
    return sum == 0;
}
