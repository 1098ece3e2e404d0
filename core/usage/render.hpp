// Reports as JSON and CSV, and numbers and times as people read them. Pure.
#pragma once

#include <string>

#include "core/base/json.hpp"
#include "core/usage/service.hpp"

namespace ccp::usage {

Json ingestJson(const IngestReport& report);
Json modelsJson(const ModelsReport& report);
/// One line per model and lane (RFC 4180).
std::string modelsCsv(const ModelsReport& report);
/// `own_seat` is marked in the list.
Json seatsJson(const SeatsReport& report, const std::string& own_seat);
/// One line per seat that the reader may see; an empty seat stands for API keys.
std::string seatsCsv(const SeatsReport& report);

std::string grouped(std::int64_t n);            ///< 1,234,567
std::string compact(double n);                  ///< 1.23M
std::string dollars(std::int64_t microusd);     ///< $1,234.56
std::string latencyText(double ms);            ///< 840 ms, 1.2 s
std::string percent(double part, double whole); ///< 12.3 %
std::string dayText(Timestamp at);              ///< Thu 12 Feb
std::string hourText(Timestamp at);             ///< 14:00
std::string momentText(Timestamp at);           ///< 12 Feb 2026, 14:00 UTC

}  // namespace ccp::usage
