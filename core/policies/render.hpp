// Policy sets as the API shows them. Pure.
#pragma once

#include "core/base/json.hpp"
#include "core/policies/node.hpp"
#include "core/policies/repository.hpp"
#include "core/policies/service.hpp"

namespace ccp::policies {

Json render(const RootInfo& root);
Json render(const Publication& publication);
Json render(const Promotion& promotion);
Json render(const ChannelView& view);
Json render(const NodeReport& report);
Json render(const ReportRow& row, const std::string& org);
Json render(const policy::ReplayReport& report);

}  // namespace ccp::policies
