// Allocates once through each of many distinct, deep stacks of C++ functions: the heap profile that
// jemalloc writes at the end has that many; again in each round. Usage: stages STACKS DEPTH [ROUNDS]
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

namespace shop {

struct Path {
    std::vector<unsigned> turns;
    std::vector<void *> *kept;
};

using Enter = void (*)(const Path &, std::size_t);
extern const Enter *const doors;

template <unsigned N> struct Stage {
    [[gnu::noinline]] static void handle(const Path &path, std::size_t at) {
        if (at == path.turns.size())
            path.kept->push_back(std::malloc(64 + N));
        else
            doors[path.turns[at]](path, at + 1);
        asm volatile("" ::: "memory"); // no tail call: the frame stays on the stack
    }
};

constexpr unsigned COUNT = 2000;

template <typename Numbers> struct Doors;
template <unsigned... N> struct Doors<std::integer_sequence<unsigned, N...>> {
    static constexpr Enter all[] = {Stage<N>::handle...};
};
const Enter *const doors = Doors<std::make_integer_sequence<unsigned, COUNT>>::all;

} // namespace shop

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    std::uint64_t state = 0;
    auto next = [&state](unsigned below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<unsigned>((state >> 33) % below);
    };
    const std::size_t depth = std::strtoul(argv[2], nullptr, 10);
    std::vector<void *> kept;
    shop::Path path{std::vector<unsigned>(depth), &kept};
    for (unsigned long rounds = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1; rounds; --rounds) {
        state = 1; // the same stacks in every round and run (Knuth's MMIX generator)
        for (auto &turn : path.turns)
            turn = next(shop::COUNT);
        for (unsigned long left = std::strtoul(argv[1], nullptr, 10); left; --left) {
            for (std::size_t at = depth - 1 - next(depth / 2); at < depth; ++at) // stacks share their roots
                path.turns[at] = next(shop::COUNT);
            path.turns[depth - 1] = next(shop::COUNT);
            shop::doors[path.turns[0]](path, 1);
        }
    }
    std::exit(kept.empty()); // prof_final writes the profile on the way out
}
