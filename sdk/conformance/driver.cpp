#include "sdk/conformance/driver.hpp"

namespace ccp::kit {

const char* modeName(Mode mode) noexcept { return mode == Mode::file ? "file" : mode == Mode::inproc ? "inproc" : "process"; }

std::string Outcome::text() const {
  if (!lost.empty()) return lost;
  std::string out_text = rcName(rc);
  if (rc == CCP_RC_OK || err.empty()) return out_text;
  const auto problem = parseJson(err);
  if (!problem) return out_text + " (" + err.substr(0, 200) + ")";
  return out_text + " (" + problem->strOr("code") + ": " + problem->strOr("detail").substr(0, 300) + ")";
}

}  // namespace ccp::kit
