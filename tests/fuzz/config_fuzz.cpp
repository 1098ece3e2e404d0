// ccp.yaml: whatever the text, parsing ends with settings or with an error that names the place.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/config/settings.hpp"
#include "core/config/yaml.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = ccp::config::parseYaml(text, "fuzz.yaml");
  const auto settings = ccp::config::parseSettings(text, "fuzz.yaml", {});
  // Settings never come out of a text that is no YAML of ours.
  if (settings && !document) std::abort();
  if (!settings && settings.error().detail.empty()) std::abort();
  return 0;
}
