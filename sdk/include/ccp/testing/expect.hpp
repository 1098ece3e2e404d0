// CCP_EXPECT(condition) for unit tests without a framework: says what is not so, and counts it.
//   int main() { …; CCP_EXPECT(result.ok()); return ccp::testing::failures(); }
#pragma once

#include <cstdio>

namespace ccp {
inline namespace sdk_v1 {
namespace testing {

inline int& failures() noexcept {
  static int count = 0;
  return count;
}

}  // namespace testing
}  // namespace sdk_v1
}  // namespace ccp

#define CCP_EXPECT(condition)                                                          \
  do {                                                                                 \
    if (!(condition)) {                                                                \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
      ++::ccp::testing::failures();                                                    \
    }                                                                                  \
  } while (false)
