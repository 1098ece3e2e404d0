// What is wrong with a policy before it runs, by place. Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ccp::policy {

enum class Severity : std::uint8_t { error, warning };
struct Finding {
  Severity severity = Severity::error;
  std::string code;  ///< stable: "unknown_field", "forbidden_name", "global_assignment", …
  std::string file;
  int line = 0, column = 0;  ///< 1-based; 0: the whole file
  std::string message;
  std::string next_step;
};

}  // namespace ccp::policy
