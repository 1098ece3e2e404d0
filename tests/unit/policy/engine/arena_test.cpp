#include "policy/engine/arena.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "doctest/doctest.h"

using ccp::policy::Arena;

namespace {

struct Block {
  unsigned char* at;
  std::size_t size;
  unsigned char mark;
};

bool holds(const Block& block) {
  for (std::size_t i = 0; i < block.size; ++i) {
    if (block.at[i] != block.mark) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("blocks keep their contents, in the region, beyond it and without one") {
  for (const std::size_t region : {Arena::kRegion, std::size_t{2048}, std::size_t{0}}) {
    CAPTURE(region);
    Arena arena(region);
    std::mt19937 random(7);
    const auto anySize = [&] { return 1 + (random() % 8 == 0 ? random() % 5000 : random() % 200); };
    std::vector<Block> blocks;
    for (int turn = 0; turn < 20'000; ++turn) {
      if (blocks.size() < 300 && random() % 3 != 0) {
        const std::size_t size = anySize();
        blocks.push_back({static_cast<unsigned char*>(arena.allocate(size)), size, static_cast<unsigned char>(turn)});
        REQUIRE(blocks.back().at != nullptr);
        REQUIRE(reinterpret_cast<std::uintptr_t>(blocks.back().at) % alignof(std::max_align_t) == 0);
        std::memset(blocks.back().at, blocks.back().mark, size);
        continue;
      }
      if (blocks.empty()) continue;
      Block& block = blocks[random() % blocks.size()];
      REQUIRE(holds(block));
      if (random() % 2 == 0) {
        const std::size_t size = anySize(), kept = std::min(size, block.size);
        block.at = static_cast<unsigned char*>(arena.resize(block.at, block.size, size));
        REQUIRE(block.at != nullptr);
        block.size = kept;
        REQUIRE(holds(block));
        block.size = size;
        std::memset(block.at, block.mark, size);
      } else {
        arena.release(block.at, block.size);
        block = blocks.back();
        blocks.pop_back();
      }
    }
    for (const Block& block : blocks) {
      CHECK(holds(block));
      arena.release(block.at, block.size);
    }
    CHECK(arena.bytes() <= region);
  }
}

TEST_CASE("one size after another holds no more than a region beyond what is in use") {
  Arena arena(Arena::kRegion);
  for (std::size_t size = 16; size <= Arena::kLargest; size += 16) {
    std::vector<void*> blocks;
    for (std::size_t used = 0; used < (1u << 20); used += size) blocks.push_back(arena.allocate(size));
    CHECK(arena.bytes() <= blocks.size() * size + Arena::kRegion);
    for (void* block : blocks) arena.release(block, size);
    CHECK(arena.bytes() <= Arena::kRegion);
  }
}

TEST_CASE("what was released serves blocks of its size") {
  Arena arena(Arena::kRegion);
  void* first = arena.allocate(40);
  void* second = arena.allocate(40);
  CHECK(first != second);
  arena.release(first, 40);
  CHECK(arena.allocate(48) == first);
  CHECK(arena.resize(second, 40, 33) == second);
  const std::size_t before = arena.bytes();
  arena.release(arena.allocate(100'000), 100'000);
  CHECK(arena.bytes() == before);
  arena.release(first, 48);
  arena.release(second, 33);
}
