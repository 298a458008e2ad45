// Allocates under thousands of distinct call stacks of mangled names: the figure for speed.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace acme {

auto &kept = *new std::vector<std::unique_ptr<char[]>>;  // never destroyed: live at the final dump

struct Walker {
    template <int Way>
    __attribute__((noinline, noipa)) int step(unsigned path, int depth);
    __attribute__((noinline, noipa)) int next(unsigned path, int depth)
    {
        switch (path % 5) {
        case 0: return step<0>(path / 5, depth) + 1;
        case 1: return step<1>(path / 5, depth) + 2;
        case 2: return step<2>(path / 5, depth) + 3;
        case 3: return step<3>(path / 5, depth) + 4;
        default: return step<4>(path / 5, depth) + 5;
        }
    }
};

template <int Way>
int Walker::step(unsigned path, int depth)
{
    if (depth > 0)
        return next(path, depth - 1) + Way;
    kept.emplace_back(new char[512 + 64 * Way]);
    return kept.back()[0] + Way;
}

}  // namespace acme

int main(int argc, char **argv)
{
    unsigned paths = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100;
    int depth = argc > 2 ? std::atoi(argv[2]) : 12, sum = 0;
    acme::Walker walker;
    for (unsigned path = 0; path < paths; path++)
        sum += walker.next(path * 2654435761u, depth);
    std::printf("kept %zu pieces\n", acme::kept.size());
    return sum == 42;
}
