// A service whose calls of new lie in functions that the compiler inlines.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define INLINE inline __attribute__((always_inline))
#define KEEP __attribute__((noinline, noipa))

namespace acme {

struct Page {
    char *bytes;
    Page *next;
};

template <typename Kept>
struct Shelf {
    Kept *first = nullptr;
    INLINE Kept *rent(size_t size)
    {
        auto *kept = new Kept{new char[size], first};
        std::memset(kept->bytes, 1, 64);
        return first = kept;
    }
};

static Shelf<Page> pages, drafts;

INLINE Page *open_template(unsigned request)
{
    return pages.rent(7168 + request % 3 * 1024);
}

KEEP int serve_request(unsigned request)
{
    return open_template(request)->bytes[0];
}

KEEP int save_draft(unsigned request)
{
    return drafts.rent(512 + request % 2)->bytes[0];
}

}  // namespace acme

int main(int argc, char **argv)
{
    unsigned requests = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000;
    int sum = 0;
    for (unsigned request = 0; request < requests; request++)
        sum += acme::serve_request(request) + acme::save_draft(request);
    std::printf("kept %d\n", sum);
    return sum == 0;
}
