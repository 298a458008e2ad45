/* A parent that leaks, and two children that exit with less: their dumps are not the parent's. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline, noipa)) void keep(size_t pieces)
{
    while (pieces--)
        memset(malloc(5000), 1, 64);
}

int main(void)
{
    keep(400);
    for (int child = 0; child < 2; child++) {
        if (fork() == 0) {
            keep(10);
            exit(0);
        }
        wait(NULL);
    }
    keep(400);
    return 0;
}
