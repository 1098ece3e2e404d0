#include "cli/support/context.hpp"

namespace ccp::cli {

void Context::emit(const Json& line) const {
  out << line.dump() << '\n' << std::flush;
}

}  // namespace ccp::cli
