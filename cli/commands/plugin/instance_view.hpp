// What the commands about plugin instances share: how states, trust and lists look on a terminal. Pure.
#pragma once

#include <string>

#include "cli/support/context.hpp"
#include "core/base/json.hpp"

namespace ccp::cli {

/// A state or a health status in the colour of what it means.
std::string stateText(const Context& context, const std::string& state);
/// "vendor", "unsigned", "key rTAbCdEf…": a thumbprint is cut to what tells keys apart.
std::string trustText(const std::string& trust);
/// "1 call", "2,000 calls".
std::string countText(std::int64_t n, const std::string& one);
/// "1.5 MiB".
std::string bytesText(std::int64_t bytes);
/// Manifest and permissions, one fact a line.
void showManifest(const Context& context, const Json& manifest);
/// "  name        value"; nothing for an empty value.
void showFact(const Context& context, const std::string& name, const std::string& value);

}  // namespace ccp::cli
