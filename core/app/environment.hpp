// The process environment as a value: read once at start, passed on.
#pragma once

#include <map>
#include <string>

namespace ccp::app {

std::map<std::string, std::string> environment();

}  // namespace ccp::app
