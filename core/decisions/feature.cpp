#include "core/decisions/feature.hpp"

namespace ccp::decisions {

struct Feature::Impl final : policy::DecisionSink {
  void take(policy::DecisionRecord&&) noexcept override {}
};

Feature::Feature(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Feature::~Feature() = default;
Result<std::unique_ptr<Feature>> Feature::open(const Deps&, Options) { return std::unique_ptr<Feature>(new Feature(std::make_unique<Impl>())); }
policy::DecisionSink& Feature::sink() noexcept { return *impl_; }
void Feature::connect(licensing::Licenses&, LogTap*) {}
void Feature::start() {}
void Feature::stop() {}
Status Feature::sweep() { return {}; }
Result<Page> Feature::list(const std::string&, const Filter&) { return Page{}; }
Result<LoggedDecision> Feature::byId(const std::string&, const std::string& id) { return fail(Errc::not_found, "There is no decision " + id + "."); }
Result<std::vector<policy::PastDecision>> Feature::past(const PastQuery&) { return std::vector<policy::PastDecision>{}; }
LogStatus Feature::logStatus() const { return {}; }

}  // namespace ccp::decisions
