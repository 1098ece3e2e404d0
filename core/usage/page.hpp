// The dashboard page: cards, charts and tables of one report, as HTML. Pure.
#pragma once

#include <string>

#include "core/usage/service.hpp"

namespace ccp::usage {

/// Body of the page for http::renderPage. `now` decides whether later windows exist.
std::string dashboardBody(const ModelsReport& report, Timestamp now);
/// How the license stands, with the way to billing; empty when there is nothing to say.
std::string noticeBody(const std::string& notice);
/// What a person sees whose plan has no dashboards.
std::string upgradeBody(const std::string& detail);

}  // namespace ccp::usage
