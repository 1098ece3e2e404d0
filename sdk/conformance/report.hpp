// What the kit tells: a table for people, JSON and JUnit XML for machines. Pure.
#pragma once

#include <string>
#include <vector>

#include "sdk/conformance/runner.hpp"

namespace ccp::kit {

std::string asTable(const Subject& subject, const std::vector<Report>& reports, double seconds);
std::string asJson(const Subject& subject, const std::vector<Report>& reports, double seconds);
std::string asJunit(const Subject& subject, const std::vector<Report>& reports, double seconds);
/// The list of --list.
std::string listOfTests();
bool anyFailed(const std::vector<Report>& reports);

}  // namespace ccp::kit
