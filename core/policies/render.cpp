#include "core/policies/render.hpp"

namespace ccp::policies {
namespace {

Json listOf(const std::vector<std::string>& items) {
  Json out = Json::array();
  for (const auto& item : items) out.push(item);
  return out;
}

Json render(const policy::ListedPack& pack) {
  return Json::object({{"name", pack.name}, {"version", pack.version}, {"sha256", pack.sha256}, {"size", pack.size}});
}

Json render(const policy::Refusal& refusal) {
  return Json::object({{"stage", policy::toString(refusal.stage)}, {"code", refusal.error.name()}, {"detail", refusal.error.detail}});
}

}  // namespace

Json render(const RootInfo& root) {
  return Json::object({{"set", root.set},
                       {"version", root.version},
                       {"sha256", root.sha256},
                       {"first_sha256", root.first_sha256},
                       {"changed", root.changed},
                       {"lists_server_key", root.lists_server_key},
                       {"dev_threshold", root.dev_threshold},
                       {"prod_threshold", root.prod_threshold},
                       {"expires_at", formatRfc3339(root.expires_at)}});
}

Json render(const Publication& publication) {
  Json packs = Json::array();
  for (const auto& pack : publication.packs) packs.push(render(pack));
  return Json::object({{"set", publication.set},
                       {"channel", policy::toString(publication.channel)},
                       {"version", publication.version},
                       {"sha256", publication.sha256},
                       {"deed", publication.deed},
                       {"changed", publication.changed},
                       {"packs", std::move(packs)}});
}

Json render(const policy::ReplayReport& report) {
  Json lines = Json::array();
  for (const auto& line : report.flips) {
    lines.push(Json::object({{"id", line.past.id},
                             {"point", policy::toString(line.past.point)},
                             {"flip", policy::toString(line.flip)},
                             {"was", Json::object({{"allow", line.past.allow}, {"rule", line.past.rule}, {"lane", line.past.lane}})},
                             {"would_be", Json::object({{"allow", line.now.allow}, {"rule", line.now.rule}, {"lane", line.now.lane}, {"reason", line.now.reason}})}}));
  }
  return Json::object({{"total", report.total},
                       {"same", report.same},
                       {"newly_denied", report.newly_denied},
                       {"newly_allowed", report.newly_allowed},
                       {"rerouted", report.rerouted},
                       {"faults", report.faults},
                       {"indeterminate", report.indeterminate},
                       {"flip_rate", report.flipRate()},
                       {"flips", std::move(lines)}});
}

Json render(const Promotion& promotion) {
  return Json::object({{"publication", promotion.publication ? render(*promotion.publication) : Json()},
                       {"live_version", promotion.live_version},
                       {"max_flip", promotion.max_flip},
                       {"within", promotion.within},
                       {"signers", listOf(promotion.signers.persons)},
                       {"threshold", promotion.signers.threshold},
                       {"report", render(promotion.report)}});
}

Json render(const ChannelView& view) {
  Json packs = Json::array();
  for (const auto& pack : view.packs) {
    Json one = render(pack.listed);
    one.set("signers", listOf(pack.signers)).set("threshold", pack.threshold).set("problem", pack.problem.empty() ? Json() : Json(pack.problem));
    packs.push(std::move(one));
  }
  return Json::object({{"channel", policy::toString(view.document.channel)},
                       {"version", view.document.version},
                       {"sha256", view.sha256},
                       {"issued_at", formatRfc3339(view.document.issued_at)},
                       {"expires_at", formatRfc3339(view.document.expires_at)},
                       {"published_at", formatRfc3339(view.published_at)},
                       {"deed", view.deed},
                       {"reason", view.reason},
                       {"by", view.by},
                       {"packs", std::move(packs)},
                       {"revoked", listOf(view.document.revoked)}});
}

Json render(const NodeReport& report) {
  Json out = Json::object({{"set", report.set}, {"refusal", report.refusal ? render(*report.refusal) : Json()}});
  const auto& running = report.running;
  if (!running) return out;
  Json packs = Json::array();
  for (const auto& pack : running->packs) {
    packs.push(Json::object({{"name", pack.document.name}, {"version", pack.document.version}, {"sha256", pack.sha256}, {"signers", listOf(pack.signers)}}));
  }
  const bool builtin = running->origin == policy::Origin::builtin;
  out.set("channel", policy::toString(running->channel))
      .set("version", running->version)
      .set("sha256", running->sha256)
      .set("generation", static_cast<std::int64_t>(running->generation))
      .set("source", policy::toString(running->origin))
      .set("stale", running->stale)
      .set("activated_at", formatRfc3339(running->activated_at))
      .set("expires_at", builtin ? Json() : Json(formatRfc3339(running->expires_at)))
      .set("packs", std::move(packs))
      .set("decisions", static_cast<std::int64_t>(running->decisions))
      .set("denials", static_cast<std::int64_t>(running->denials))
      .set("faults", static_cast<std::int64_t>(running->faults))
      .set("rollbacks", static_cast<std::int64_t>(running->rollbacks))
      .set("on_trial", running->on_trial)
      .set("shadow", !running->draft ? Json()
                                     : Json::object({{"version", running->draft->version},
                                                     {"sha256", running->draft->sha256},
                                                     {"decisions", static_cast<std::int64_t>(running->draft->decisions)},
                                                     {"differing", static_cast<std::int64_t>(running->draft->differing)}}));
  if (!report.refusal && running->last_refusal) out.set("refusal", render(*running->last_refusal));
  return out;
}

Json render(const ReportRow& row, const std::string& org) {
  return Json::object({{"client", row.client},
                       {"set", row.set == org ? "org" : row.set},
                       {"channel", row.channel},
                       {"version", row.version},
                       {"sha256", row.sha256},
                       {"state", row.state},
                       {"reported_at", formatRfc3339(row.reported_at)}});
}

}  // namespace ccp::policies
