// For processors of other kinds: a template, an inlined malloc, a callback from libc, a thread's own.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define INLINE inline __attribute__((always_inline))
#define KEEP __attribute__((noinline, noipa))

namespace acme {

struct Parcel {
    char *bytes;
    Parcel *next;
};

template <int Size>
struct Depot {
    Parcel *first = nullptr;
    KEEP Parcel *store(unsigned number)
    {
        auto *kept = new Parcel{new char[Size + number % 3 * 64], first};
        std::memset(kept->bytes, 1, 64);
        return first = kept;
    }
};

static Depot<4096> letters;
static Depot<512> stamps;

INLINE char *wrap(unsigned number)
{
    auto *paper = static_cast<char *>(std::malloc(1000 + number % 5));
    std::memset(paper, 2, 64);
    asm volatile("" : : "r"(paper) : "memory");  // or the compiler forgets the call
    return paper;
}

KEEP int deliver(unsigned number)
{
    return letters.store(number)->bytes[0] + wrap(number)[1];
}

KEEP int compare(const void *, const void *)  // libc calls it: its frames are between ours
{
    return wrap(1)[0] - 2;
}

KEEP static int frank(unsigned number)
{
    static char *title;
    title = strdup("a text of forty characters, or even more");
    return stamps.store(number)->bytes[0] + title[0];
}

}  // namespace acme

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 200;
    int sum = 0;
    for (unsigned number = 0; number < rounds; number++)
        sum += acme::deliver(number) + acme::frank(number);
    char rows[] = "abcdefg";
    std::qsort(rows, 7, 1, acme::compare);
    std::printf("kept %d\n", sum);
    return sum == 0;
}
