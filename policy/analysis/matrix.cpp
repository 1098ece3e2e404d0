#include "policy/analysis/matrix.hpp"

#include <algorithm>
#include <limits>

#include "policy/analysis/lint.hpp"
#include "policy/analysis/test_runner.hpp"
#include "policy/evaluation/compiled_set.hpp"

namespace ccp::policy {
namespace {

using Path = std::vector<std::string>;

std::string dotted(const Path& path) {
  std::string out;
  for (const auto& name : path) out += (out.empty() ? "" : ".") + name;
  return out;
}

void addOnce(std::vector<std::optional<Json>>& values, std::optional<Json> value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(std::move(value));
}

/// Whether the field may be absent from an object that is there.
bool mayBeAbsent(const Schema& root, const Path& path) {
  return !root.below(Path(path.begin(), path.end() - 1))->alwaysHas(path.back());
}

/// A text that is none of these.
Json otherText(const Schema& schema, const std::vector<Json>& taken) {
  for (const auto& example : schema.text()["examples"].items()) {
    if (std::find(taken.begin(), taken.end(), example) == taken.end()) return example;
  }
  return "other";
}

bool isList(const Path& path) { return std::find(path.begin(), path.end(), "*") != path.end(); }

std::optional<MatrixField> fieldOf(const Schema& root, const ReadField& read) {
  const auto schema = root.below(read.path);
  MatrixField out;
  out.path = read.path;
  const auto type = schema->type();
  if (type == "object") {
    // There or not: only for those that are a question by themselves.
    if (!mayBeAbsent(root, read.path)) return std::nullopt;
    out.values = {schema->example(), std::nullopt};
    out.source = MatrixValues::presence;
    return out;
  }
  for (const auto& value : schema->domain()) addOnce(out.values, value);
  if (out.values.empty() && !read.compared.empty()) {
    out.source = MatrixValues::constants;
    for (const auto& value : read.compared) {
      if (schema->check(value).empty()) addOnce(out.values, value);
      for (const int step : {-1, 1}) {
        if (!value.isInt()) continue;
        const Json beside = *value.asInt() + step;
        if (schema->check(beside).empty()) addOnce(out.values, beside);
      }
    }
    if (type == "string") addOnce(out.values, otherText(*schema, read.compared));
  }
  if (out.values.empty()) return std::nullopt;
  if (mayBeAbsent(root, read.path)) out.values.emplace_back(std::nullopt);
  return out;
}

const Json* memberAt(const Json& input, const Path& path) {
  const Json* at = &input;
  for (const auto& name : path) {
    at = at->find(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

/// The values that a field has in the tests of the point.
MatrixField fromTests(const std::vector<const PackDocument*>& packs, Point point, const Path& path) {
  MatrixField out;
  out.path = path;
  out.source = MatrixValues::tests;
  for (const auto* pack : packs) {
    for (const auto& test : pack->tests) {
      if (test.point != point) continue;
      const Json input = completeInput(point, test.input);
      const auto* value = memberAt(input, path);
      if (value == nullptr && !mayBeAbsent(inputSchema(point), path)) continue;  // so is its parent
      if (value != nullptr && !inputSchema(point).below(path)->check(*value).empty()) continue;
      addOnce(out.values, value == nullptr ? std::optional<Json>() : std::optional<Json>(*value));
    }
  }
  return out;
}

bool isLeaf(const Schema& root, const Path& path) {
  const auto schema = root.below(path);
  return schema && schema->type() != "object";
}

/// Sets or takes away a field; nothing happens below a parent that is absent.
void apply(Json& input, const Path& path, const std::optional<Json>& value) {
  Json* at = &input;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    auto* members = at->asObject();
    if (members == nullptr) return;
    const auto found = std::find_if(members->begin(), members->end(), [&](const Json::Member& member) { return member.first == path[i]; });
    if (found == members->end()) return;
    at = &found->second;
  }
  if (!at->isObject()) return;
  if (value)
    at->set(path.back(), *value);
  else
    at->erase(path.back());
}

MatrixAnswer answerOf(const PackAnswer& said) {
  MatrixAnswer out;
  if (said.condition != Condition::asked) {
    out.fault = "input: " + said.outcome.message;
  } else if (said.outcome.fault != Fault::none) {
    out.fault = std::string(toString(said.outcome.fault)) + ": " + said.outcome.message;
  } else {
    const auto& result = said.outcome.result;
    out.allow = result.boolOr("allow");
    out.rule = result.strOr("rule");
    out.lane = result.strOr("lane");
    out.effect = result.strOr("effect");
    // Answers of the point's own kind count as effect where they differ: quota's answer, the conclusion of a check.
    for (const auto* name : {"answer", "conclusion", "role", "approval"}) {
      if (const auto text = result.strOr(name); !text.empty() && text != out.effect) out.effect += (out.effect.empty() ? "" : ", ") + text;
    }
  }
  return out;
}

}  // namespace

std::string MatrixField::name() const { return dotted(path); }

std::string MatrixField::valueText(const std::optional<Json>& value) {
  if (!value) return "absent";
  if (const auto* text = value->asString()) return text->empty() ? "\"\"" : *text;
  if (value->isObject()) return "present";
  // A list of objects is too long to show.
  if (value->isArray()) {
    std::string out;
    for (const auto& item : value->items()) {
      if (!item.isString()) return std::to_string(value->size()) + (value->size() == 1 ? " item" : " items");
      out += (out.empty() ? "" : ",") + *item.asString();
    }
    return "[" + out.substr(0, 60) + "]";
  }
  return value->dump();
}

std::uint64_t MatrixPlan::combinations() const noexcept {
  std::uint64_t out = 1;
  for (const auto& field : fields) {
    const std::uint64_t count = field.values.size();
    if (out > std::numeric_limits<std::uint64_t>::max() / count) return std::numeric_limits<std::uint64_t>::max();
    out *= count;
  }
  return out;
}

std::vector<std::size_t> MatrixPlan::choice(std::uint64_t index) const {
  std::vector<std::size_t> out(fields.size());
  for (std::size_t i = fields.size(); i-- > 0;) {
    out[i] = static_cast<std::size_t>(index % fields[i].values.size());
    index /= fields[i].values.size();
  }
  return out;
}

Json MatrixPlan::input(std::uint64_t index) const {
  Json out = base;
  const auto values = choice(index);
  // Parents stand before their members: fields are sorted by depth.
  for (std::size_t i = 0; i < fields.size(); ++i) apply(out, fields[i].path, fields[i].values[values[i]]);
  return out;
}

Result<MatrixPlan> planMatrix(const std::vector<const PackDocument*>& packs, Point point, const std::map<std::string, Json>& fixed) {
  const auto& schema = inputSchema(point);
  MatrixPlan out;
  out.point = point;
  out.base = schema.example();
  std::vector<ReadField> fields;
  bool any = false;
  for (const auto* pack : packs) {
    const auto entry = pack->entry.find(point);
    const auto* source = entry == pack->entry.end() ? nullptr : pack->file(entry->second);
    if (source == nullptr) continue;
    any = true;
    for (auto& read : readFields(*source)) {
      const auto known = std::find_if(fields.begin(), fields.end(), [&](const ReadField& field) { return field.path == read.path; });
      if (known == fields.end()) {
        fields.push_back(std::move(read));
        continue;
      }
      for (auto& value : read.compared) {
        if (std::find(known->compared.begin(), known->compared.end(), value) == known->compared.end()) known->compared.push_back(std::move(value));
      }
    }
  }
  if (!any) return fail(Errc::validation_failed, "No file is entered at " + std::string(toString(point)) + ".");
  std::vector<Path> endless;
  for (const auto& read : fields) {
    const bool host = read.path == Path{"now"} || read.path == Path{"point"};
    if (isList(read.path) || host || !schema.below(read.path)) continue;
    if (auto field = fieldOf(schema, read))
      out.fields.push_back(std::move(*field));
    else if (isLeaf(schema, read.path) && !fixed.contains(dotted(read.path)))
      endless.push_back(read.path);
  }
  for (const auto& path : endless) {
    auto field = fromTests(packs, point, path);
    const auto before = out.combinations();
    if (field.values.size() > 1 && before <= kTestCombinations && before * field.values.size() <= kTestCombinations)
      out.fields.push_back(std::move(field));
    else
      out.held.push_back(dotted(path));
  }
  std::stable_sort(out.fields.begin(), out.fields.end(), [](const MatrixField& a, const MatrixField& b) { return a.path.size() < b.path.size(); });
  for (const auto& [name, value] : fixed) {
    const auto field = std::find_if(out.fields.begin(), out.fields.end(), [n = name](const MatrixField& each) { return each.name() == n; });
    Path path;
    for (std::size_t at = 0; at <= name.size();) {
      const auto end = std::min(name.find('.', at), name.size());
      path.push_back(name.substr(at, end - at));
      at = end + 1;
    }
    const auto below = schema.below(path);
    if (!below) return fail(Errc::validation_failed, "The point " + std::string(toString(point)) + " has no field " + name + ".");
    if (const auto wrong = below->check(value); !wrong.empty()) return fail(Errc::validation_failed, name + " " + wrong[0].rule + ".");
    if (field != out.fields.end()) out.fields.erase(field);
    apply(out.base, path, value);
  }
  return out;
}

Result<Matrix> runMatrix(Engine& engine, const std::vector<const PackDocument*>& packs, MatrixPlan plan,
                         const std::function<void(std::uint64_t)>& progress) {
  std::vector<std::shared_ptr<const CompiledSet>> sets;
  for (const auto* pack : packs) {
    VerifiedSet set;
    set.org = pack->org;
    set.origin = Origin::builtin;
    set.packs.push_back({*pack, {}, {}});
    CCP_TRY(auto compiled, CompiledSet::compile(engine, std::move(set)));
    sets.push_back(std::move(compiled));
  }
  Matrix out;
  out.plan = std::move(plan);
  std::map<std::vector<MatrixAnswer>, std::uint32_t> known;
  const auto total = out.plan.combinations();
  out.cells.reserve(static_cast<std::size_t>(total));
  for (std::uint64_t i = 0; i < total; ++i) {
    const Json input = out.plan.input(i);
    const auto text = input.dump();
    std::vector<MatrixAnswer> answers;
    for (const auto& set : sets) {
      const auto answer = set->decide(out.plan.point, text, {}, &input);
      MatrixAnswer none;
      none.fault = "no file is entered at the point";
      answers.push_back(answer.packs.empty() ? none : answerOf(answer.packs.front()));
    }
    const auto [at, fresh] = known.emplace(answers, static_cast<std::uint32_t>(out.outcomes.size()));
    if (fresh) out.outcomes.push_back(std::move(answers));
    out.cells.push_back(at->second);
    if (progress && i % 1024 == 0) progress(i);
  }
  return out;
}

namespace {

/// Cuts the cells by one field after the other until each part has one outcome.
class Summary {
 public:
  explicit Summary(const Matrix& matrix) : matrix_(matrix) {
    strides_.resize(matrix.plan.fields.size());
    std::uint64_t stride = 1;
    for (std::size_t i = strides_.size(); i-- > 0;) {
      strides_[i] = stride;
      stride *= matrix.plan.fields[i].values.size();
    }
  }

  std::vector<MatrixRow> run() {
    std::vector<std::uint32_t> all(matrix_.cells.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint32_t>(i);
    MatrixRow row;
    row.values.resize(strides_.size());
    cut(all, std::vector<bool>(strides_.size()), row);
    return std::move(rows_);
  }

 private:
  std::size_t valueOf(std::uint32_t cell, std::size_t field) const {
    return static_cast<std::size_t>(cell / strides_[field] % matrix_.plan.fields[field].values.size());
  }

  std::vector<std::vector<std::uint32_t>> parts(const std::vector<std::uint32_t>& cells, std::size_t field) const {
    std::vector<std::vector<std::uint32_t>> out(matrix_.plan.fields[field].values.size());
    for (const auto cell : cells) out[valueOf(cell, field)].push_back(cell);
    return out;
  }

  /// Sum of squares of the outcomes' shares: the larger, the purer are the parts.
  double purity(const std::vector<std::uint32_t>& cells, std::size_t field) const {
    const auto values = matrix_.plan.fields[field].values.size();
    std::vector<std::map<std::uint32_t, double>> counts(values);
    for (const auto cell : cells) counts[valueOf(cell, field)][matrix_.cells[cell]] += 1;
    double out = 0;
    for (const auto& part : counts) {
      double size = 0, squares = 0;
      for (const auto& [outcome, count] : part) {
        size += count;
        squares += count * count;
      }
      if (size > 0) out += squares / size;
    }
    return out;
  }

  bool sameOutcomes(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) const {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](auto x, auto y) { return matrix_.cells[x] == matrix_.cells[y]; });
  }

  void cut(const std::vector<std::uint32_t>& cells, const std::vector<bool>& used, MatrixRow row) {
    const auto first = matrix_.cells[cells.front()];
    if (std::all_of(cells.begin(), cells.end(), [&](auto cell) { return matrix_.cells[cell] == first; })) {
      row.outcome = first;
      row.count = cells.size();
      rows_.push_back(std::move(row));
      return;
    }
    std::size_t best = strides_.size();
    double best_purity = -1;
    for (std::size_t field = 0; field < strides_.size(); ++field) {
      if (used[field]) continue;
      const auto value = purity(cells, field);
      if (value > best_purity + 1e-9) {
        best_purity = value;
        best = field;
      }
    }
    auto split = parts(cells, best);
    std::vector<bool> taken(split.size());
    auto next = used;
    next[best] = true;
    for (std::size_t i = 0; i < split.size(); ++i) {
      if (taken[i]) continue;
      auto below = row;
      for (std::size_t j = i; j < split.size(); ++j) {
        if (taken[j] || !sameOutcomes(split[i], split[j])) continue;
        taken[j] = true;
        below.values[best].push_back(j);
      }
      const auto merged = below.values[best].size();
      const auto before = rows_.size();
      cut(split[i], next, std::move(below));
      for (auto k = before; k < rows_.size(); ++k) rows_[k].count *= merged;
    }
  }

  const Matrix& matrix_;
  std::vector<std::uint64_t> strides_;
  std::vector<MatrixRow> rows_;
};

}  // namespace

std::vector<MatrixRow> summarize(const Matrix& matrix) { return matrix.cells.empty() ? std::vector<MatrixRow>() : Summary(matrix).run(); }

}  // namespace ccp::policy
