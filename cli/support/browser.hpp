// Opens a page in the person's browser, where there is one.
#pragma once

#include <string>

namespace ccp::cli {

/// True when a browser was started: $BROWSER, or xdg-open with a display. Never waits for it.
bool openBrowser(const std::string& url);

}  // namespace ccp::cli
