#include "sdk/conformance/host/guarded_table.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>

namespace ccp::kit {

GuardedTable::GuardedTable(const void* table, std::size_t bytes) : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
  memory_ = ::mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<char*>(memory_);
  table_ = begin + page_ - bytes;
  std::memcpy(table_, table, bytes);
  const auto says = static_cast<std::uint32_t>(bytes);
  std::memcpy(table_, &says, sizeof says);  // every table of the ABI begins with its size
  ::mprotect(begin + page_, page_, PROT_NONE);
}

GuardedTable::~GuardedTable() { ::munmap(memory_, 2 * page_); }

}  // namespace ccp::kit
