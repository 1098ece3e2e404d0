// What a process has and is, counted before and after a plugin ran in it. Linux; reads /proc.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace ccp::kit {

std::size_t openDescriptors();
std::size_t threads();
std::size_t mappings();
std::size_t residentBytes();

/// What belongs to the process and not to a plugin: environment, working directory, locale, umask, signal
/// dispositions, terminate handler. Name and value, in a fixed order.
std::vector<std::pair<std::string, std::string>> processState();

}  // namespace ccp::kit
