/* A library whose linker's stubs stand beside those for a thread's own variable. */
#include <stdlib.h>
#include <string.h>

__thread void *mine;
static __thread int count;

void *rent_stub(size_t size)
{
    count++;
    mine = strdup("rented");
    void *page = calloc(1, size);
    free(mine);
    return page ? page : malloc(size + count);
}
