#include "policy/analysis/names.hpp"

#include <unordered_map>

namespace ccp::policy::lua {
namespace {

class Binder {
 public:
  Names run(Chunk& chunk) {
    open();
    block(*chunk.body);
    close();
    return std::move(names_);
  }

 private:
  // Scopes: the visible local of a name, and what it hid.
  void open() { marks_.push_back(hidden_.size()); }
  void close() {
    const auto mark = marks_.back();
    marks_.pop_back();
    while (hidden_.size() > mark) {
      visible_[hidden_.back().first] = hidden_.back().second;
      hidden_.pop_back();
    }
  }
  Local* declare(LocalKind kind, const std::string& name, const Place& at) {
    auto& local = names_.locals.emplace_back();
    local.kind = kind;
    local.name = name;
    local.at = at;
    auto& slot = visible_[name];
    hidden_.emplace_back(name, slot);
    slot = &local;
    return &local;
  }
  Local* find(const std::string& name) const {
    const auto found = visible_.find(name);
    return found == visible_.end() ? nullptr : found->second;
  }

  void block(Block& block) {
    ++depth_;
    for (auto& stat : block.stats) statement(stat);
    --depth_;
  }
  void scoped(Block& inner) {
    open();
    block(inner);
    close();
  }

  void function(Function& function) {
    open();
    const int depth = depth_;
    depth_ = 1;
    for (std::size_t i = 0; i < function.parameters.size(); ++i) {
      auto& parameter = function.parameters[i];
      parameter.local = declare(LocalKind::parameter, parameter.name, parameter.at);
      parameter.local->function = &function;
      parameter.local->index = i;
    }
    block(*function.body);
    depth_ = depth;
    close();
  }

  void write(Expr& target, const Function* function) {
    if (target.kind != ExprKind::name) {
      expression(target);
      return;
    }
    target.local = find(target.text);
    if (target.local != nullptr) {
      ++target.local->writes;
      return;
    }
    const bool top = depth_ == 1 && functions_ == 0;
    names_.globals.push_back({&target, true, function, top});
    if (target.text == "decide" && top && function != nullptr) names_.decide = function;
  }

  void statement(Stat& stat) {
    switch (stat.kind) {
      case StatKind::local: {
        for (auto& value : stat.values) expression(*value);
        for (std::size_t i = 0; i < stat.names.size(); ++i) {
          auto& name = stat.names[i];
          name.local = declare(LocalKind::variable, name.name, name.at);
          const bool spread = i + 1 >= stat.values.size() && !stat.values.empty() &&
                              (stat.values.back()->kind == ExprKind::call || stat.values.back()->kind == ExprKind::method) &&
                              stat.names.size() > stat.values.size();
          if (i < stat.values.size() && !spread) name.local->value = stat.values[i].get();
          if (name.local->value != nullptr && name.local->value->function) name.local->function = name.local->value->function.get();
        }
        return;
      }
      case StatKind::local_function: {
        auto& name = stat.names.front();
        name.local = declare(LocalKind::function, name.name, name.at);
        name.local->function = stat.function.get();
        inside(*stat.function);
        return;
      }
      case StatKind::function: {
        write(*stat.targets.front(), stat.function.get());
        inside(*stat.function);
        return;
      }
      case StatKind::assign: {
        for (auto& value : stat.values) expression(*value);
        for (std::size_t i = 0; i < stat.targets.size(); ++i) {
          const auto* value = i < stat.values.size() ? stat.values[i].get() : nullptr;
          write(*stat.targets[i], value != nullptr ? value->function.get() : nullptr);
        }
        return;
      }
      case StatKind::repeat_loop: {
        open();
        block(*stat.blocks.front());
        expression(*stat.values.front());  // sees the locals of the body
        close();
        return;
      }
      case StatKind::numeric_for:
      case StatKind::generic_for: {
        for (auto& value : stat.values) expression(*value);
        open();
        for (std::size_t i = 0; i < stat.names.size(); ++i) {
          auto& name = stat.names[i];
          name.local = declare(LocalKind::loop, name.name, name.at);
          name.local->loop = &stat;
          name.local->index = i;
        }
        block(*stat.blocks.front());
        close();
        return;
      }
      default:
        for (auto& value : stat.values) expression(*value);
        for (auto& inner : stat.blocks) scoped(*inner);
        return;
    }
  }

  void inside(Function& body) {
    ++functions_;
    function(body);
    --functions_;
  }

  void expression(Expr& expr) {
    if (expr.kind == ExprKind::name) {
      expr.local = find(expr.text);
      if (expr.local != nullptr)
        ++expr.local->reads;
      else
        names_.globals.push_back({&expr, false, nullptr, false});
      return;
    }
    for (auto& part : expr.parts) expression(*part);
    for (auto& field : expr.fields) {
      if (field.key) expression(*field.key);
      expression(*field.value);
    }
    if (expr.function) inside(*expr.function);
    if (expr.kind == ExprKind::call && expr.parts.front()->local != nullptr) expr.parts.front()->local->calls.push_back(&expr);
  }

  Names names_;
  std::unordered_map<std::string, Local*> visible_;
  std::vector<std::pair<std::string, Local*>> hidden_;
  std::vector<std::size_t> marks_;
  int depth_ = 0;
  int functions_ = 0;
};

}  // namespace

Names bind(Chunk& chunk) { return Binder().run(chunk); }

}  // namespace ccp::policy::lua
